import { readBrokerSettings } from '../shared/broker.js';
import { Env, LOG_LEVELS } from '../shared/env.js';
import { readMaxConnections } from '../shared/http.js';

/** Throws ConfigError that names every mistake. */
export function readConfig(vars: NodeJS.ProcessEnv) {
  const env = new Env(vars);
  return env.check({
    metricsPort: env.port('METRICS_PORT', 9464),
    /** Connections that are served at a time (`METRICS_MAX_CONNECTIONS`). */
    maxConnections: readMaxConnections(env, 'METRICS_MAX_CONNECTIONS', 256),
    /** Address to serve metrics on; absent: all of them. */
    listenHost: env.optional('LISTEN_HOST'),
    /** A node or scope that was not heard of for so long has no series any more (`NODE_FORGET_AFTER`, seconds). */
    forgetAfterMs:
      1_000 * env.integer('NODE_FORGET_AFTER', 86_400, { min: 60, max: 10 ** 8, what: 'a number of seconds' }),
    /** Nodes that have series at most: each has about 50. */
    maxNodes: env.integer('MAX_NODES', 20_000, { min: 1, max: 10 ** 6, what: 'a number of nodes' }),
    broker: readBrokerSettings(env),
    logLevel: env.choice('LOG_LEVEL', LOG_LEVELS, 'info'),
  });
}

export type MetricsConfig = ReturnType<typeof readConfig>;
