import Koa from 'koa';
import { connectBroker } from '../shared/broker.js';
import { Health } from '../shared/health.js';
import { listen, operations } from '../shared/http.js';
import { landingPage, OPERATIONS_LINKS } from '../shared/landing.js';
import { declareProcessMetrics } from '../shared/processMetrics.js';
import type { Deps } from '../shared/service.js';
import { joinBus } from './bus.js';
import type { MetricsConfig } from './config.js';
import { Exposition } from './exposition.js';
import { Maintenance } from './maintenance.js';
import { declareMetrics } from './metrics.js';
import { Nodes, type Instant } from './nodes.js';
import { Scopes } from './scopes.js';
import { declareDeliveries, declareKnown } from './series.js';
import { NOTHING_KNOWN } from './streams.js';

/** Starts the metrics service: messages of the bus in, series out. Resolves when it is ready. Throws CannotStart. */
export async function startMetrics(config: MetricsConfig, deps: Deps): Promise<{ port: number }> {
  const { log, life, registry, clock } = deps;
  const now = (): Instant => ({ now: clock.now(), monotonic: clock.monotonic() });
  const exposition = new Exposition(registry);
  declareProcessMetrics(registry, 'metrics');
  const health = new Health(registry);
  const { records } = declareMetrics(registry);
  const move = declareDeliveries(registry, exposition);
  const known = {
    nodes: new Nodes(config),
    scopes: new Scopes(config),
    maintenance: new Maintenance(config),
    jetStream: NOTHING_KNOWN,
  };
  declareKnown(exposition, { ...known, jetStream: () => known.jetStream, now });

  let isReady = false;
  const landing = landingPage({
    service: 'ptp-metrics',
    about: 'Delivery latency, and the clock states of all nodes, as series.',
    links: OPERATIONS_LINKS,
  });
  const complaints = (): string[] => health.complaints;
  const routes = operations(exposition, () => isReady, { complaints });
  const operate = new Koa().use(routes.routes()).use(landing).callback();
  const http = await listen((request, response) => void operate(request, response), {
    port: config.metricsPort,
    host: config.listenHost,
    setting: 'METRICS_PORT',
    maxConnections: config.maxConnections,
    log,
  });
  life.onStop('metrics', () => http.close());

  const broker = await connectBroker(config.broker, 'metrics', deps, health);
  await joinBus(broker, deps, { known, move, count: (outcome) => records.inc({ outcome }), now });
  life.onStop('readiness', () => (isReady = false));
  isReady = true;
  log.info({ port: http.port }, 'ready');
  return { port: http.port };
}
