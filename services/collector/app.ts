import { readFileSync } from 'node:fs';
import Koa from 'koa';
import { connectBroker, jetStream, type NatsConnection } from '../shared/broker.js';
import { listen, operations } from '../shared/http.js';
import type { CurrentState, LastEvent } from '../shared/messages.js';
import type { Deps } from '../shared/service.js';
import { ensureStreams } from '../shared/streams.js';
import { Announcer, type Announcement } from './announcer.js';
import type { CollectorConfig } from './config.js';
import { ConfigReader } from './configReader.js';
import { maskInterface, type Names } from './event/names.js';
import { Intake } from './intake.js';
import { declareMetrics } from './metrics.js';
import { Outbox } from './outbox.js';
import { createSender } from './publish.js';
import { serveQueries } from './query.js';
import { currentState, nodeState } from './records.js';
import { listenOnSocket } from './socket.js';
import { NodeClocks } from './state/nodeClocks.js';
import type { Resource } from './state/view.js';
import { readRemembered, StateWriter } from './stateStore.js';

/**
 * Starts the collector of one node: the daemon's lines in, events out. Opens the edges and joins them to the core.
 * Throws CannotStart.
 */
export async function startCollector(config: CollectorConfig, deps: Deps): Promise<void> {
  const { log, life, registry, clock } = deps;
  const { nodeName } = config;
  const metrics = declareMetrics(registry);
  const names: Names = { node: nodeName, alias: maskInterface };
  const clocks = new NodeClocks();
  const announcer = new Announcer(names);
  const lastEvents = new Map<Resource, LastEvent>();
  let isReady = false;

  const operate = new Koa().use(operations(registry, () => isReady).routes()).callback();
  const port = { port: config.metricsPort, host: config.listenHost, setting: 'METRICS_PORT' };
  const http = await listen((request, response) => void operate(request, response), port);
  life.onStop('metrics', () => http.close());

  const broker = await connectBroker(config.broker, `collector ${nodeName}`, deps);
  const connection = watchConnection(broker, () => outbox.retryNow());
  const { js, jsm } = await jetStream(broker);
  const stopping = new AbortController();
  const ensure = (): Promise<void> => ensureStreams(jsm, config.streams, { log, signal: stopping.signal });
  await ensure();
  const remembered = await readRemembered(nodeName, { js, jsm, log });
  for (const [resource, { id, time, sequence }] of remembered.lastEvents) {
    lastEvents.set(resource, { id, time, sequence });
    announcer.continueFrom(resource, Number(sequence));
  }

  const bootId = readBootId();
  const states = new StateWriter({
    js,
    nodeName,
    clock,
    log,
    value: () => nodeState({ node: clocks, names, bootId, now: clock.now(), lastEvents }),
  });
  life.onStop('state', () => states.close());

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
      const { resource, id, time, sequence } = event as Announcement;
      lastEvents.set(resource, { id, time, sequence: String(sequence) });
      states.save();
    },
    onDropped: ({ id, subject }, reason) => {
      metrics.dropped.inc({ reason });
      log.warn({ id, subject, reason }, 'event dropped');
    },
  });
  metrics.watchOutbox(() => outbox.depth);
  life.onStop('outbox', () => outbox.drained().finally(() => outbox.close()));

  const configReader = new ConfigReader(
    { configDir: config.ptpConfigDir, profileDir: config.ptpProfilePath, nodeName },
    log,
  );
  const intake = new Intake({
    clocks,
    configReader,
    clock,
    metrics,
    onChanges: (changes, at) => {
      for (const change of changes) {
        metrics.events.inc({ resource: change.resource });
        log.info(change, 'state changed');
        outbox.add(announcer.announce(change, at.now));
      }
    },
  });
  intake.readConfiguration();
  life.onStop('deadlines', () => intake.stop());

  const current = (resource: Resource): CurrentState | undefined =>
    currentState(resource, { node: clocks, names, at: intake.now(), lastEvents, staleAfterMs: config.staleAfterMs });
  const stopQueries = await serveQueries(broker, nodeName, current, log);
  life.onStop('queries', stopQueries);

  const reader = { onLines: intake.onLines, onConnections: (open: number) => metrics.connections.set(open) };
  const socket = await listenOnSocket(config.eventSocket, reader, log);
  life.onStop('event socket', () => socket.close());

  life.onStop('readiness', () => {
    isReady = false;
    stopping.abort();
  });
  isReady = true;
  log.info({ node: nodeName, socket: config.eventSocket, port: http.port }, 'ready');
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

/** CLOCK_MONOTONIC begins anew with every boot, so a deadline on it means something within one boot only. */
function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}
