// @ts-check
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { CannotStart } from './cannotStart.mjs';

/** Those that only `npm start` reads, described as the services describe theirs. */
export const LOCAL_SETTINGS = [
  {
    name: 'CONSUMER_PORT',
    what: 'of the demo consumer; taken: the next free one',
    unit: 'port',
    fallback: '9089',
    isRequired: false,
  },
  { name: 'DATA_DIR', what: 'everything that a local run writes', unit: 'path', fallback: '.data', isRequired: false },
  {
    name: 'NATS_SERVER',
    what: 'the nats-server program; absent: from PATH and the usual folders',
    unit: 'path',
    fallback: undefined,
    isRequired: false,
  },
  {
    name: 'PROMETHEUS',
    what: 'the prometheus program; absent: from PATH and the usual folders, if it is there',
    unit: 'path',
    fallback: undefined,
    isRequired: false,
  },
];

export const USAGE = `Usage: npm start [-- --no-demo] [--with-prometheus]

Runs the broker, the collector, the gateway, the metrics and the tracing service on this machine, with a demo: recorded
output of a real linuxptp plays over and over, and a demo consumer prints the events it is sent. Where there is a
Prometheus it runs too, with our rules.

  --no-demo           wait for a real daemon on EVENT_SOCKET instead; NODE_NAME is the node's name
  --with-prometheus   install Prometheus (Debian's package) when it is missing
  --help              this text

Settings are environment variables:

${LOCAL_SETTINGS.map(({ name, what, unit, fallback }) => `  ${name.padEnd(15)} ${what} [${unit}; ${fallback === undefined ? 'not set' : `default ${fallback}`}]`).join('\n')}
  NATS_URL        a broker of yours [URL; default: an own one]
  NODE_NAME       name of the node [host name; default demo-node, with --no-demo the host's name]
  EVENT_SOCKET    where the daemon's lines come in [path; default below DATA_DIR]
  LISTEN_HOST     where the services listen [address; default 127.0.0.1]
  API_PORT, METRICS_PORT, OTLP_PORT, QUERY_PORT
                  of gateway, collector and tracing service [port; default 8089, 9091, 4318, 16686]

and all others of the services: docs/settings.md. CANARY is true, ENDPOINT_POLICY is local and OTEL_EXPORTER_OTLP_ENDPOINT
is the tracing service unless they are set; the metrics service takes port 9464.

Examples:
  npm start
  API_PORT=8000 npm start -- --with-prometheus
  EVENT_SOCKET=/cloud-native/events.sock NODE_NAME=$(hostname) npm start -- --no-demo`;

const OPTIONS = ['--no-demo', '--with-prometheus', '--help', '-h'];

/**
 * @typedef {object} Settings
 * @property {boolean} help
 * @property {boolean} demo
 * @property {boolean} withPrometheus whether Prometheus must run; else it runs where it is installed
 * @property {string} dataDir
 * @property {string | undefined} natsUrl undefined: an own broker
 * @property {string} nodeName
 * @property {string} host where the services listen
 * @property {number} apiPort taken: an error
 * @property {number} collectorPort taken: the next free one, as with the following ports
 * @property {number} metricsPort
 * @property {number} otlpPort
 * @property {number} queryPort
 * @property {number} prometheusPort
 * @property {number} brokerPort
 * @property {number} monitoringPort
 * @property {number} consumerPort
 */

/**
 * The settings, and everything that is wrong with them; a wrong one has its default here, so that the services do not
 * complain of it once more. Throws CannotStart for an unknown option.
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @param {string} root
 * @returns {{ settings: Settings, mistakes: string[] }}
 */
export function readSettings(args, env, root) {
  const unknown = args.filter((arg) => !OPTIONS.includes(arg));
  if (unknown.length > 0) throw new CannotStart(`Unknown option ${unknown.join(' ')}.\n\n${USAGE}`);

  /** @type {string[]} */
  const mistakes = [];
  /**
   * @param {string} name
   * @param {number} fallback
   */
  const port = (name, fallback) => {
    const text = env[name] || String(fallback);
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (value >= 1 && value <= 65_535) return value;
    mistakes.push(`${name} must be a port from 1 to 65535, got "${text}"`);
    return fallback;
  };
  const demo = !args.includes('--no-demo');
  const settings = {
    help: args.includes('--help') || args.includes('-h'),
    demo,
    withPrometheus: args.includes('--with-prometheus'),
    dataDir: resolve(root, env['DATA_DIR'] || '.data'),
    natsUrl: env['NATS_URL'] || undefined,
    nodeName: env['NODE_NAME'] || (demo ? 'demo-node' : hostname()),
    host: env['LISTEN_HOST'] || '127.0.0.1',
    apiPort: port('API_PORT', 8089),
    collectorPort: port('METRICS_PORT', 9091),
    metricsPort: 9464,
    otlpPort: port('OTLP_PORT', 4318),
    queryPort: port('QUERY_PORT', 16_686),
    prometheusPort: 9090,
    brokerPort: 4222,
    monitoringPort: 8222,
    consumerPort: port('CONSUMER_PORT', 9089),
  };
  return { settings, mistakes };
}
