import { readBrokerSettings } from '../shared/broker.js';
import { Env, readListenHost, readLogLevel } from '../shared/env.js';
import { readMaxConnections } from '../shared/http.js';

/** What `--help` says about this service. */
export const about = {
  name: 'metrics',
  does: 'Hears the bus and serves what it hears as Prometheus series: delivery latency, states of all nodes, streams.',
  examples: ['NATS_URL=nats://localhost:4222 node dist/services/metrics/main.js'],
};

/** Throws ConfigError that names every mistake. */
export function readConfig(vars: NodeJS.ProcessEnv, env = new Env(vars)) {
  return env.check({
    metricsPort: env.port('METRICS_PORT', { what: '/metrics (OpenMetrics), /livez, /readyz', fallback: 9464 }),
    maxConnections: readMaxConnections(env, 'METRICS_MAX_CONNECTIONS', 256),
    listenHost: readListenHost(env),
    forgetAfterMs: env.duration('NODE_FORGET_AFTER', {
      what: 'a node or scope without any sign for so long has no series any more, one that lived shorter goes sooner',
      plain: 's',
      fallback: '1d',
      min: '1min',
      max: '1158d',
    }),
    maxNodes: env.integer('MAX_NODES', {
      what: 'nodes that have series at most; each has about 50',
      unit: 'nodes',
      fallback: 20_000,
      min: 1,
      max: 10 ** 6,
    }),
    broker: readBrokerSettings(env),
    logLevel: readLogLevel(env),
  });
}

export type MetricsConfig = ReturnType<typeof readConfig>;
