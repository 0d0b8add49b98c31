import { readFileSync } from 'node:fs';
import Koa from 'koa';
import { FineClock } from '../shared/clock.js';
import { bus } from '../shared/contract/bus.js';
import { Health } from '../shared/health.js';
import { listen, operations } from '../shared/http.js';
import { landingPage, OPERATIONS_LINKS } from '../shared/landing.js';
import { declareProcessMetrics } from '../shared/processMetrics.js';
import type { Deps } from '../shared/service.js';
import { openTracing } from '../shared/tracing.js';
import { joinBus, type Bus } from './bus.js';
import { startCanaries, type Canary } from './canary.js';
import type { CollectorConfig } from './config.js';
import { ConfigReader } from './configReader.js';
import { ConfigWatcher } from './configWatcher.js';
import { Daemon } from './daemon.js';
import type { Names } from './event/names.js';
import { Intake } from './intake.js';
import { Journeys } from './journeys.js';
import { Loops } from './latency/loops.js';
import { LineCounts } from './lineCounts.js';
import { declareMetrics, vouchSamples } from './metrics.js';
import { declareOpenshiftMetrics } from './openshift.js';
import { isConfigFileName } from './parse/configFile.js';
import { Publication } from './publication.js';
import { serveQueries } from './query.js';
import { Receipts } from './receipts.js';
import { currentState } from './records.js';
import { samplesOf } from './series.js';
import { EventSocket } from './socket.js';
import { NodeClocks } from './state/nodeClocks.js';
import { StateTimes } from './stateTimes.js';

/**
 * Starts the collector of one node: the daemon's lines in, events out. Opens the edges and joins them to the core.
 * Lines are read from the first moment on, whatever the broker does; resolves once the bus has told what was published
 * before. Throws CannotStart.
 */
export async function startCollector(config: CollectorConfig, deps: Deps): Promise<void> {
  const { log, life, registry, clock } = deps;
  const { nodeName } = config;
  declareProcessMetrics(registry, 'collector');
  const metrics = declareMetrics(registry);
  const health = new Health(registry);
  const daemon = new Daemon({ url: config.daemonUrl, clock, log });
  const names: Names = { node: nodeName, alias: daemon.alias };
  const clocks = new NodeClocks();
  const counts = new LineCounts();
  const stateTimes = new StateTimes();
  const tracing = await openTracing(config.tracing, 'collector', deps);
  const fine = new FineClock(clock);
  let canary: Canary | undefined;
  const receipts = new Receipts({
    nodeName,
    loops: new Loops(nodeName),
    clock,
    fine,
    tracing,
    metrics,
    log,
    onNodes: (nodes) => canary?.setNodes(nodes),
  });
  const journeys = new Journeys({ nodeName, clock, fine, tracing, loop: receipts });
  const publication = new Publication({
    clocks,
    names,
    clock,
    journeys,
    bootId: readBootId(),
    limit: config.outboxSize,
    onAnnounced: (change, at) => {
      metrics.events.inc({ resource: bus.resources[change.resource].path });
      stateTimes.note(change, at.monotonic);
      log.info(change, 'state changed');
    },
  });
  let isReady = false;
  let joined: Bus | undefined;

  const landing = landingPage({
    service: 'ptp-collector',
    about: `Reads the lines of linuxptp on node ${nodeName}, and publishes its clock states.`,
    links: OPERATIONS_LINKS,
  });
  // Nobody is sent to a collector: not ready takes nothing away, and stops a roll-out that would not work.
  const isWorking = (): boolean => isReady && health.complaints.length === 0;
  const complaints = (): string[] => health.complaints;
  const routes = operations(registry, isWorking, { complaints });
  const operate = new Koa().use(routes.routes()).use(landing).callback();
  const http = await listen((request, response) => void operate(request, response), {
    port: config.metricsPort,
    host: config.listenHost,
    setting: 'METRICS_PORT',
    maxConnections: config.maxConnections,
    log,
  });
  life.onStop('metrics', () => http.close());

  const places = { configDir: config.ptpConfigDir, profileDir: config.ptpProfilePath, nodeName };
  const intake = new Intake({
    clocks,
    configReader: new ConfigReader(places, log),
    clock,
    counts,
    onChanges: (changes, at) => publication.publish(changes, at),
    onRoles: () => joined?.save(),
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
    folders: [
      { path: config.ptpConfigDir, matters: isConfigFileName },
      // Of a mounted ConfigMap it is a link beside the file that changes.
      { path: config.ptpProfilePath, matters: () => true },
    ],
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

  joined = await joinBus(config, deps, {
    health,
    publication,
    journeys,
    receipts,
    metrics,
    now: () => intake.now(),
    namesAreKnown: aliases,
  });
  if (joined === undefined) return;
  intake.passTime();

  const stopQueries = await serveQueries(
    joined.broker,
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
  if (config.sendsCanaries) {
    canary = startCanaries(joined, { nodeName, clock, journeys, random: Math.random, metrics });
    life.onStop('canaries', () => canary?.stop());
  }
  // First of all: no line is read while the outbox drains.
  life.onStop('event socket', () => socket.close());
  life.onStop('readiness', () => (isReady = false));
  isReady = true;
  log.info({ node: nodeName, socket: config.eventSocket, port: http.port }, 'ready');
}

/** CLOCK_MONOTONIC begins anew with every boot, so a deadline on it means something within one boot only. */
function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}
