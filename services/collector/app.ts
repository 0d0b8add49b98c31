import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import Koa from 'koa';
import { connectBroker, jetStream, type NatsConnection } from '../shared/broker.js';
import { listen, operations } from '../shared/http.js';
import type { Deps } from '../shared/service.js';
import { ensureStreams } from '../shared/streams.js';
import type { CollectorConfig } from './config.js';
import { ConfigReader } from './configReader.js';
import { ConfigWatcher } from './configWatcher.js';
import { Daemon } from './daemon.js';
import type { Names } from './event/names.js';
import { Intake } from './intake.js';
import { LineCounts } from './lineCounts.js';
import { declareMetrics, vouchSamples } from './metrics.js';
import { declareOpenshiftMetrics } from './openshift.js';
import { Outbox } from './outbox.js';
import { Publication } from './publication.js';
import { createSender } from './publish.js';
import { serveQueries } from './query.js';
import { currentState } from './records.js';
import { samplesOf } from './series.js';
import { EventSocket } from './socket.js';
import { NodeClocks } from './state/nodeClocks.js';
import { readRemembered, StateWriter } from './stateStore.js';
import { StateTimes } from './stateTimes.js';

/** Time that the outbox has to empty itself when the collector stops. */
const DRAIN_MS = 2_500;

/**
 * Starts the collector of one node: the daemon's lines in, events out. Opens the edges and joins them to the core.
 * Lines are read from the first moment on, whatever the broker does; resolves once the bus has told what was published
 * before. Throws CannotStart.
 */
export async function startCollector(config: CollectorConfig, deps: Deps): Promise<void> {
  const { log, life, registry, clock } = deps;
  const { nodeName } = config;
  const metrics = declareMetrics(registry);
  const daemon = new Daemon({ url: config.daemonUrl, clock, log });
  const names: Names = { node: nodeName, alias: daemon.alias };
  const clocks = new NodeClocks();
  const counts = new LineCounts();
  const stateTimes = new StateTimes();
  const publication = new Publication({
    clocks,
    names,
    bootId: readBootId(),
    limit: config.outboxSize,
    onAnnounced: (change, at) => {
      metrics.events.inc({ resource: change.resource });
      stateTimes.note(change, at.monotonic);
      log.info(change, 'state changed');
    },
  });
  let isReady = false;
  let states: StateWriter | undefined;

  const operate = new Koa().use(operations(registry, () => isReady).routes()).callback();
  const http = await listen((request, response) => void operate(request, response), {
    port: config.metricsPort,
    host: config.listenHost,
    setting: 'METRICS_PORT',
  });
  life.onStop('metrics', () => http.close());

  const places = { configDir: config.ptpConfigDir, profileDir: config.ptpProfilePath, nodeName };
  const intake = new Intake({
    clocks,
    configReader: new ConfigReader(places, log),
    clock,
    counts,
    onChanges: (changes, at) => publication.publish(changes, at),
    onRoles: () => states?.save(),
    onOnlySummaries: (whose) => {
      log.warn(
        whose,
        'only summaries for a minute, which carry no state: lower summary_interval (ptp4l) or -u (phc2sys)',
      );
    },
    onCommand: (command) => {
      log.info({ command }, 'command of the daemon');
      if (command === 'RESTART') startOver();
    },
  });
  const askReplay = (): void => {
    clocks.isReplaying = config.daemonUrl !== undefined;
    void daemon.askReplay();
  };
  const startOver = (): void => {
    intake.readConfiguration();
    void daemon.askAliases();
    askReplay();
  };
  life.onStop('deadlines', () => intake.stop());
  const watcher = new ConfigWatcher({
    dirs: [config.ptpConfigDir, config.ptpProfilePath],
    clock,
    log,
    onChange: () => intake.readConfiguration(),
  });
  life.onStop('configuration files', () => watcher.close());
  const aliases = daemon.askAliases();
  const onConnections = (open: number, change: 'opened' | 'closed'): void => {
    metrics.connections.set(open);
    if (change === 'opened') askReplay();
  };
  const socket = new EventSocket(config.eventSocket, { onLines: intake.onLines, onConnections }, { clock, log });
  await socket.listen();
  askReplay();
  life.onStop('event socket', () => socket.close());

  declareOpenshiftMetrics(registry, () => samplesOf(clocks, names, clock.monotonic()));
  metrics.watchLines(counts);
  metrics.watchStates(() => stateTimes.samples(clock.monotonic(), (name) => clocks.configs.has(name)));
  metrics.watchVouching(() => vouchSamples(clocks, intake.now(), config.staleAfterMs));

  const broker = await connectBroker(config.broker, `collector ${nodeName}`, deps);
  const { js, jsm } = await jetStream(broker);
  const stopping = new AbortController();
  const ensure = (): Promise<void> => ensureStreams(jsm, config.streams, { log, signal: stopping.signal });
  life.onStop('streams', () => stopping.abort());
  const connection = watchConnection(broker, () => outbox.retryNow());
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
      states?.save();
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
  if (remembered === undefined) return;
  // The names of the first events are those of the daemon, if it answers at all.
  await aliases;
  publication.open(outbox, remembered, intake.now());
  intake.passTime();
  const writer = new StateWriter({ js, nodeName, clock, log, value: () => publication.nodeState(clock.now()) });
  states = writer;
  life.onStop('state', () => writer.close());
  life.onStop('outbox', async () => {
    outbox.retryNow();
    await Promise.race([outbox.drained(), pause(DRAIN_MS, undefined, { ref: false })]);
    if (outbox.depth > 0) log.warn({ events: outbox.depth }, 'stopped before the bus had every event');
    outbox.close();
  });

  const stopQueries = await serveQueries(
    broker,
    nodeName,
    (resource) => {
      const { lastEvents } = publication;
      return currentState(resource, {
        node: clocks,
        names,
        at: intake.now(),
        lastEvents,
        staleAfterMs: config.staleAfterMs,
      });
    },
    log,
  );
  life.onStop('queries', stopQueries);
  // First of all: no line is read while the outbox drains.
  life.onStop('event socket', () => socket.close());
  life.onStop('readiness', () => (isReady = false));
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
