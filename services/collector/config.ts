import { readBrokerSettings } from '../shared/broker.js';
import { Env, readListenHost, readLogLevel } from '../shared/env.js';
import { readMaxConnections } from '../shared/http.js';
import { readStreamSettings } from '../shared/streams.js';
import { BadName, nodeToken } from '../shared/subjects.js';
import { readTracingSettings } from '../shared/tracing.js';

/** What `--help` says about this service. */
export const about = {
  name: 'collector',
  does: 'Reads the log lines of the linuxptp processes of one node, keeps their clock states, and publishes each change.',
  examples: ['NODE_NAME=$(hostname) NATS_URL=nats://localhost:4222 node dist/services/collector/main.js'],
};

/** Throws ConfigError that names every mistake. */
export function readConfig(vars: NodeJS.ProcessEnv, env = new Env(vars)) {
  return env.check({
    /** Name of this node; part of every subject and address. */
    nodeName: readNodeName(env),
    eventSocket: env.text('EVENT_SOCKET', {
      what: "UNIX socket that the daemon's processes write their lines to",
      unit: 'path',
      fallback: '/cloud-native/events.sock',
    }),
    ptpConfigDir: env.text('PTP_CONFIG_DIR', {
      what: 'folder of ptp4l.<n>.config',
      unit: 'path',
      fallback: '/var/run',
    }),
    ptpProfilePath: env.text('PTP_PROFILE_PATH', {
      what: 'folder of the node profile, a file called like the node',
      unit: 'path',
      fallback: '/etc/linuxptp',
    }),
    daemonUrl: readDaemonUrl(env),
    metricsPort: env.port('METRICS_PORT', { what: '/metrics, /livez, /readyz', fallback: 9091 }),
    listenHost: readListenHost(env),
    maxConnections: readMaxConnections(env, 'METRICS_MAX_CONNECTIONS', 256),
    broker: readBrokerSettings(env),
    streams: readStreamSettings(env),
    outboxSize: env.integer('OUTBOX_SIZE', {
      what: 'events that wait for the broker at most',
      unit: 'events',
      fallback: 10_000,
      min: 100,
      max: 1_000_000,
    }),
    staleAfterMs: env.duration('STALE_AFTER', {
      what: 'after so long a LOCKED clock that says nothing is not vouched for any more',
      plain: 's',
      fallback: '30s',
      min: '1s',
      max: '1d',
    }),
    sendsCanaries: env.flag('CANARY', {
      what: 'an event without news now and then on ptp.canary.<node>, so that the latency is known while nothing happens',
      fallback: false,
    }),
    tracing: readTracingSettings(env),
    logLevel: readLogLevel(env),
  });
}

export type CollectorConfig = ReturnType<typeof readConfig>;

function readNodeName(env: Env): string {
  const name = env.text('NODE_NAME', { what: 'name of this node', unit: 'host name' });
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
  const url = env.optional('DAEMON_URL', {
    what: 'linuxptp-daemon, such as http://localhost:8081: asked for aliases, and to replay its state; absent: it is not',
    unit: 'URL',
  });
  if (url === undefined) return undefined;
  if (!/^https?:\/\/[^\s/@]+\/?$/.test(url)) env.mistake(`DAEMON_URL must be http://host:port, got "${url}"`);
  return url.replace(/\/$/, '');
}
