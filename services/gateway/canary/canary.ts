import { JetStreamApiCodes, JetStreamApiError, type JetStreamManager } from '@nats-io/jetstream';
import { PermissionViolationError, type NatsConnection } from '@nats-io/transport-node';
import { sleep } from '../../shared/clock.js';
import { bus } from '../../shared/contract/bus.js';
import type { Deps } from '../../shared/service.js';
import { EventLog } from '../delivery/log.js';
import { Tail } from '../delivery/tail.js';
import { endpointAgent } from '../endpoints/agent.js';
import type { Measuring } from '../measuring/open.js';
import type { GatewayMetrics } from '../metrics.js';
import { Pipeline } from '../pipeline.js';
import { silent, tellAll } from '../stages.js';
import type { SubscriptionRecord } from '../subscriptions/record.js';
import { openSink } from './sink.js';

/** How often the stream is looked for while it is not there: somebody who may make it may come. */
const LOOK_AGAIN_MS = 30_000;
const RETRY_MS = 1_000;
const CONNECTIONS = 4;
const RING = { messages: 1_024, bytes: 1024 * 1024 };
/** An old canary says nothing that a newer one does not. */
const MAX_AGE_MS = 60_000;
const GRACE_MS = 500;

export interface CanaryParts {
  broker: NatsConnection;
  jsm: JetStreamManager;
  measuring: Measuring;
  metrics: GatewayMetrics;
  /** Makes the stream, where this gateway may. Never rejects for want of the right. */
  ensureStream: (signal: AbortSignal) => Promise<void>;
}

/** Where the stream ends now. */
interface Place {
  created: string;
  lastSeq: number;
}

/**
 * Delivers canaries to a sink of this gateway's own: read from their own stream, through the same code as events, over
 * real HTTP, with receipts. Nothing of it is kept: it begins with the next canary. Works on its own in the background;
 * where it cannot, deliveries do not notice.
 */
export function startCanary(parts: CanaryParts, deps: Deps): void {
  const log = deps.log.child({ traffic: 'canary' });
  deliverCanaries(parts, { ...deps, log }).catch((err: unknown) => {
    if (!deps.life.isStopping) log.warn({ err }, 'canaries are not delivered');
  });
}

async function deliverCanaries(parts: CanaryParts, { life, clock, log }: Deps): Promise<void> {
  const { broker, jsm, measuring, metrics } = parts;
  const { timing } = measuring;
  const stopping = new AbortController();
  life.onStop('canaries', () => stopping.abort());

  let isMissed = false;
  const onUnreadable = async (err: unknown): Promise<void> => {
    if (!isMissing(err)) return;
    if (isMissed) return sleep(clock, LOOK_AGAIN_MS, stopping.signal);
    log.warn({ stream: bus.streams.canary }, 'no stream of canaries: none are delivered until there is one');
    isMissed = true;
    // It is in memory: a broker that was started anew has lost it.
    await parts.ensureStream(stopping.signal);
  };
  const findEnd = async (): Promise<Place | undefined> => {
    while (!stopping.signal.aborted) {
      try {
        const { created, state } = await jsm.streams.info(bus.streams.canary);
        return { created, lastSeq: state.last_seq };
      } catch (err) {
        await onUnreadable(err);
        await sleep(clock, RETRY_MS, stopping.signal);
      }
    }
    return undefined;
  };
  const place = await findEnd();
  if (place === undefined) return;

  const sink = await openSink(log);
  if (stopping.signal.aborted) return sink.close();
  life.onStop('canary sink', () => sink.close());
  // The operator's policy is about endpoints that somebody else names; this one is ours.
  const agent = endpointAgent({ kind: 'local' }, CONNECTIONS);
  life.onStop('canary connections', () => agent.destroy());
  const count = (outcome: string): void => metrics.canaries.inc({ outcome });

  const events = new EventLog(jsm, clock, () => count('malformed'), { stream: bus.streams.canary, ring: RING });
  const pipeline = new Pipeline({
    clock,
    log,
    random: Math.random,
    events,
    // A canary is no state: none is ever sent in its place.
    states: { askState: async () => ({ kind: 'unknown' }), targetsOf: () => [] },
    agent,
    defaultNames: '1.0',
    maxAgeMs: MAX_AGE_MS,
    listener: tellAll([timing, { ...silent, settled: (_, outcome) => count(outcome) }]),
    traceparentOf: timing.traceparentOf,
    deadLetter: async () => {},
    onStatesDue() {},
    onGap() {},
    onGone() {},
  });
  life.onStop('canary deliveries', () => pipeline.stop(GRACE_MS));
  const tail = new Tail(
    { broker, jsm, clock, log, ...measuring.reading, stream: bus.streams.canary, onUnreadable },
    {
      onMessage: pipeline.onMessage,
      onLogInfo(firstSeq) {
        events.beginsAt(firstSeq);
        isMissed = false;
      },
      onNewStream: () => pipeline.subscribers.startOver(),
    },
  );
  life.onStop('canary tail', () => tail.stop());

  const { created, lastSeq } = place;
  events.restart(lastSeq);
  pipeline.subscribers.add(subscriptionOf(sink.port, place), [lastSeq, {}]);
  tail.start(created, lastSeq);
}

/** Not there, or not for this gateway to see. */
const isMissing = (err: unknown): boolean =>
  err instanceof PermissionViolationError ||
  (err instanceof JetStreamApiError && err.code === JetStreamApiCodes.StreamNotFound);

/** Everybody's canaries, to the sink. */
const subscriptionOf = (sinkPort: number, { created, lastSeq }: Place): SubscriptionRecord => ({
  id: 'canary',
  resource: `/cluster/node/*${bus.canary.path}`,
  filter: { node: '*', path: bus.canary.path },
  endpointUri: `http://127.0.0.1:${sinkPort}/`,
  owner: 'gateway',
  createdAt: new Date(0).toISOString(),
  start: lastSeq,
  stream: created,
  incarnation: 'canary',
});
