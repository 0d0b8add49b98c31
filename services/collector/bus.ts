import { setTimeout as pause } from 'node:timers/promises';
import { connectBroker, jetStream, type NatsConnection } from '../shared/broker.js';
import type { Deps } from '../shared/service.js';
import { ensureStreams } from '../shared/streams.js';
import type { CollectorConfig } from './config.js';
import type { CollectorMetrics } from './metrics.js';
import { Outbox } from './outbox.js';
import type { Publication } from './publication.js';
import { createSender } from './publish.js';
import type { Instant } from './state/clock.js';
import { readRemembered, StateWriter } from './stateStore.js';

/** Time that the outbox has to empty itself when the collector stops. */
const DRAIN_MS = 2_500;

export interface BusSide {
  publication: Publication;
  metrics: CollectorMetrics;
  now: () => Instant;
  /** Resolves once the names are known that the first events are to use. */
  namesAreKnown: Promise<void>;
}

export interface Bus {
  broker: NatsConnection;
  /** Something is worth remembering over a restart. */
  save: () => void;
}

/**
 * Waits for the broker, learns what was published before, and lets the publication go out from then on. undefined when
 * the collector was stopped meanwhile.
 */
export async function joinBus(config: CollectorConfig, deps: Deps, side: BusSide): Promise<Bus | undefined> {
  const { log, life, clock } = deps;
  const { nodeName } = config;
  const { publication, metrics } = side;
  const broker = await connectBroker(config.broker, `collector ${nodeName}`, deps);
  const connection = watchConnection(broker, () => outbox.retryNow());
  const { js, jsm } = await jetStream(broker);
  const stopping = new AbortController();
  const ensure = (): Promise<void> => ensureStreams(jsm, config.streams, { log, signal: stopping.signal });
  life.onStop('streams', () => stopping.abort());

  const states = new StateWriter({ js, nodeName, clock, log, value: () => publication.nodeState(clock.now()) });
  const outbox = new Outbox({
    clock,
    limit: config.outboxSize,
    send: createSender({
      js,
      jsm,
      clock,
      log,
      isConnected: () => connection.isUp,
      onNoStream: () => void ensure(),
      onPublished: (seconds) => metrics.publishSeconds.observe(seconds),
    }),
    onStored: (event) => {
      publication.onStored(event);
      states.save();
    },
    onDropped: (event, reason) => {
      publication.onDropped(event);
      metrics.dropped.inc({ reason });
      log.warn({ id: event.id, subject: event.subject, reason }, 'event dropped');
    },
  });
  metrics.watchOutbox(() => outbox.depth);

  await ensure();
  const remembered = await readRemembered(nodeName, { js, jsm, log, signal: stopping.signal });
  await side.namesAreKnown;
  if (remembered === undefined) return undefined;
  publication.open(outbox, remembered, side.now());
  life.onStop('state', () => states.close());
  life.onStop('outbox', async () => {
    outbox.retryNow();
    await Promise.race([outbox.drained(), pause(DRAIN_MS, undefined, { ref: false })]);
    if (outbox.depth > 0) log.warn({ events: outbox.depth }, 'stopped before the bus had every event');
    outbox.close();
  });
  return { broker, save: () => states.save() };
}

/** Whether the broker is there now, and a call when it is back. */
function watchConnection(broker: NatsConnection, onBack: () => void): { isUp: boolean } {
  const connection = { isUp: true };
  void (async () => {
    for await (const { type } of broker.status()) {
      if (type === 'disconnect') connection.isUp = false;
      if (type !== 'reconnect') continue;
      connection.isUp = true;
      onBack();
    }
  })();
  return connection;
}
