import { setTimeout as pause } from 'node:timers/promises';
import { connectBroker, jetStream, type NatsConnection } from '../shared/broker.js';
import { bus } from '../shared/contract/bus.js';
import { Doublings } from '../shared/doublings.js';
import type { Health } from '../shared/health.js';
import type { Deps } from '../shared/service.js';
import { ensureStreams } from '../shared/streams.js';
import { Acks } from './acks.js';
import type { CollectorConfig } from './config.js';
import type { Journeys } from './journeys.js';
import type { CollectorMetrics } from './metrics.js';
import { Outbox, type Outgoing, type Sent } from './outbox.js';
import type { Publication } from './publication.js';
import { ACK_MS, createSender, type PublishFailure } from './publish.js';
import type { Receipts } from './receipts.js';
import type { Instant } from './state/clock.js';
import { openStates, readRemembered, StateWriter } from './stateStore.js';

/** Time that the outbox has to empty itself when the collector stops. */
const DRAIN_MS = 2_500;
/** An event that waits for the bus for so long is no hiccup any more. */
const NOT_STORED_SECONDS = 30;

export interface BusSide {
  health: Health;
  publication: Publication;
  journeys: Journeys;
  receipts: Receipts;
  metrics: CollectorMetrics;
  now: () => Instant;
  /** Resolves once the names are known that the first events are to use. */
  namesAreKnown: Promise<void>;
}

export interface Bus {
  broker: NatsConnection;
  /** Something is worth remembering over a restart. */
  save: () => void;
  /** Puts a canary on the bus; never rejects. */
  sendCanary: (event: Outgoing, firstTriedMs: number | undefined) => Promise<Sent>;
  /** Calls whenever the broker is back. */
  onBack: (callback: () => void) => void;
}

/**
 * Waits for the broker, learns what was published before, and lets the publication go out from then on. undefined when
 * the collector was stopped meanwhile.
 */
export async function joinBus(config: CollectorConfig, deps: Deps, side: BusSide): Promise<Bus | undefined> {
  const { log, life, clock } = deps;
  const { nodeName } = config;
  const { health, publication, journeys, receipts, metrics } = side;
  const broker = await connectBroker(config.broker, `collector ${nodeName}`, deps, health);
  const connection = watchConnection(broker);
  const { js, jsm } = await jetStream(broker);
  const acks = new Acks(broker, ACK_MS);
  const stopping = new AbortController();
  const ensure = (): Promise<void> => ensureStreams(jsm, config.streams, { log, signal: stopping.signal });
  // At the start it is a reason not to start; a collector that runs goes on trying.
  const noRoomNow = (err: unknown): void => log.error({ err }, 'the streams cannot be made again');
  life.onStop('streams', () => stopping.abort());

  const states = new StateWriter({
    open: () => openStates(js),
    nodeName,
    clock,
    log,
    value: () => publication.nodeState(clock.now()),
  });
  const sender = (
    stream: string | undefined,
    onPublished: (seconds: number) => void,
    onFailed: (reason: PublishFailure) => void,
  ): ReturnType<typeof createSender> =>
    createSender({
      acks,
      jsm,
      stream,
      clock,
      log,
      isConnected: () => connection.isUp,
      onFailed,
      onNoStream: () => void ensure().catch(noRoomNow),
      onPublished,
      onAttempt: ({ journey }) => journeys.attempt(journey),
    });
  const drops = new Doublings(clock);
  const outbox = new Outbox({
    clock,
    limit: config.outboxSize,
    send: sender(
      bus.streams.events,
      (seconds) => metrics.publishSeconds.observe(seconds),
      (reason) => metrics.publishFailures.inc({ reason }),
    ),
    onStored: (event) => {
      journeys.stored(event.journey);
      publication.onStored(event);
      states.save(event);
    },
    onDropped: (event, reason) => {
      journeys.dropped(event.journey, reason);
      publication.onDropped(event);
      metrics.dropped.inc({ reason });
      drops.tell((times) => log.warn({ id: event.id, subject: event.subject, reason, times }, 'event dropped'), reason);
    },
  });
  connection.onBack(() => outbox.retryNow());
  const oldestSeconds = (): number => {
    const { oldest } = outbox;
    return oldest === undefined ? 0 : Math.max(0, clock.monotonic() - oldest.journey.readMs) / 1_000;
  };
  metrics.watchOutbox({ depth: () => outbox.depth, oldestSeconds, limit: config.outboxSize });
  health.watch('events_not_stored', () =>
    oldestSeconds() < NOT_STORED_SECONDS
      ? undefined
      : `events wait for the bus: ${outbox.depth}, the oldest for ${Math.round(oldestSeconds())} s`,
  );
  // Before anything is published.
  receipts.open(broker, () => connection.isUp);
  life.onStop('receipts', () => receipts.close());

  await ensure();
  const remembered = await readRemembered(nodeName, {
    js,
    jsm,
    clock,
    log,
    signal: stopping.signal,
    onUnreadable: (what) => metrics.unreadable.inc({ what }),
  });
  await side.namesAreKnown;
  if (remembered === undefined) return undefined;
  publication.open(outbox, remembered, side.now());
  life.onStop('owed states', () => publication.close());
  life.onStop('state', () => states.close());
  life.onStop('outbox', async () => {
    outbox.retryNow();
    await Promise.race([outbox.drained(), pause(DRAIN_MS, undefined, { ref: false })]);
    if (outbox.depth > 0) log.warn({ events: outbox.depth }, 'stopped before the bus had every event');
    outbox.close();
  });
  return {
    broker,
    save: () => states.save(),
    // Canaries that fail say nothing about the log: their stream is another one, and may not be there.
    sendCanary: sender(
      undefined,
      () => undefined,
      () => undefined,
    ),
    onBack: (callback) => connection.onBack(callback),
  };
}

/** Whether the broker is there now, and a call when it is back. */
function watchConnection(broker: NatsConnection): { isUp: boolean; onBack: (callback: () => void) => void } {
  const callbacks: (() => void)[] = [];
  const connection = { isUp: true, onBack: (callback: () => void) => void callbacks.push(callback) };
  void (async () => {
    for await (const { type } of broker.status()) {
      if (type === 'disconnect') connection.isUp = false;
      if (type !== 'reconnect') continue;
      connection.isUp = true;
      for (const callback of callbacks) callback();
    }
  })();
  return connection;
}
