import { readBrokerSettings } from '../shared/broker.js';
import { Env, LOG_LEVELS } from '../shared/env.js';
import { readMaxConnections } from '../shared/http.js';
import { readStreamSettings } from '../shared/streams.js';
import { BadName, nodeToken } from '../shared/subjects.js';
import { readTracingSettings } from '../shared/tracing.js';

/** Throws ConfigError that names every mistake. */
export function readConfig(vars: NodeJS.ProcessEnv) {
  const env = new Env(vars);
  return env.check({
    /** Name of this node; part of every subject and address. */
    nodeName: readNodeName(env),
    /** UNIX socket that the daemon's processes write their lines to. */
    eventSocket: env.text('EVENT_SOCKET', '/cloud-native/events.sock'),
    /** Folder of ptp4l.<n>.config. */
    ptpConfigDir: env.text('PTP_CONFIG_DIR', '/var/run'),
    /** Folder of the node profile, a file called like the node. */
    ptpProfilePath: env.text('PTP_PROFILE_PATH', '/etc/linuxptp'),
    /** Where newer daemons answer for aliases and replays, such as http://localhost:8081; absent: they are not asked. */
    daemonUrl: readDaemonUrl(env),
    metricsPort: env.port('METRICS_PORT', 9091),
    /** Connections that are served at a time (`METRICS_MAX_CONNECTIONS`). */
    maxConnections: readMaxConnections(env, 'METRICS_MAX_CONNECTIONS', 256),
    /** Address to serve metrics on; absent: all of them. */
    listenHost: env.optional('LISTEN_HOST'),
    broker: readBrokerSettings(env),
    streams: readStreamSettings(env),
    /** Events that wait for the broker at most. */
    outboxSize: env.integer('OUTBOX_SIZE', 10_000, { min: 100, max: 1_000_000, what: 'a number of events' }),
    /** A LOCKED clock without a line for so long is not vouched for any more (`STALE_AFTER`, seconds). */
    staleAfterMs: 1_000 * env.integer('STALE_AFTER', 30, { min: 1, max: 86_400, what: 'a number of seconds' }),
    /** Whether it publishes canaries, so that the delivery latency is known while nothing happens. */
    sendsCanaries: env.choice('CANARY', ['true', 'false'], 'false') === 'true',
    tracing: readTracingSettings(env),
    logLevel: env.choice('LOG_LEVEL', LOG_LEVELS, 'info'),
  });
}

export type CollectorConfig = ReturnType<typeof readConfig>;

function readNodeName(env: Env): string {
  const name = env.text('NODE_NAME');
  if (name === '') return name;
  try {
    nodeToken(name);
  } catch (err) {
    if (!(err instanceof BadName)) throw err;
    env.mistake(`NODE_NAME: ${err.message}`);
  }
  return name;
}

function readDaemonUrl(env: Env): string | undefined {
  const url = env.optional('DAEMON_URL');
  if (url === undefined) return undefined;
  if (!/^https?:\/\/[^\s/@]+\/?$/.test(url)) env.mistake(`DAEMON_URL must be http://host:port, got "${url}"`);
  return url.replace(/\/$/, '');
}
