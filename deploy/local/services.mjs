// @ts-check
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { CannotStart } from './cannotStart.mjs';

/** The services of a local run, in the order of one event's journey. */
export const SERVICES = ['collector', 'gateway', 'metrics', 'tracing'];

/**
 * @typedef {object} Ports
 * @property {number} apiPort
 * @property {number} collectorPort
 * @property {number} metricsPort
 * @property {number} otlpPort
 * @property {number} queryPort
 */

/**
 * The environment of each service: the user's, with what this run decides.
 * @param {NodeJS.ProcessEnv} env
 * @param {Ports & { nodeName: string, host: string, natsUrl: string, ownBroker: boolean, eventSocket: string, secretKeysFile?: string }} run
 * @returns {Record<string, NodeJS.ProcessEnv>}
 */
export function serviceEnvironments(env, run) {
  const common = {
    ENDPOINT_POLICY: 'local',
    // So that the objective is measured from the first minute on.
    CANARY: 'true',
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://${urlHost(run.host)}:${run.otlpPort}`,
    ...withoutEmpty(run.ownBroker ? withoutBrokerSettings(env) : env),
    NATS_URL: run.natsUrl,
    NODE_NAME: run.nodeName,
    EVENT_SOCKET: run.eventSocket,
    LISTEN_HOST: run.host,
    API_PORT: String(run.apiPort),
    OTLP_PORT: String(run.otlpPort),
    QUERY_PORT: String(run.queryPort),
  };
  return {
    collector: { ...common, METRICS_PORT: String(run.collectorPort) },
    gateway: { ...keysOf(env, run), ...common },
    metrics: { ...common, METRICS_PORT: String(run.metricsPort) },
    tracing: common,
  };
}

/**
 * What the services themselves say about their settings, without starting them. Needs dist/.
 * @param {string} root
 * @param {Record<string, NodeJS.ProcessEnv>} environments
 * @param {NodeJS.ProcessEnv} env the user's: what is nearly a setting is one of the mistakes also where this run sets that one
 * @returns {Promise<string[]>} each mistake once, however many services complain of it
 */
export async function serviceMistakes(root, environments, env) {
  const built = async (/** @type {string} */ path) =>
    (await import(pathToFileURL(join(root, 'dist/services', path)).href)).default;
  const [{ suspects }, { SETTING_NAMES }] = [await built('shared/misspelt.js'), await built('shared/settingNames.js')];
  /** @type {Set<string>} */
  const mistakes = new Set(suspects(env, SETTING_NAMES).misspelt);
  for (const name of SERVICES) {
    const config = await built(`${name}/config.js`);
    try {
      config.readConfig(environments[name]);
    } catch (err) {
      const { name: kind, mistakes: own } = /** @type {Error & { mistakes: string[] }} */ (err);
      if (kind !== 'ConfigError') throw err;
      for (const mistake of own) mistakes.add(mistake);
    }
  }
  return [...mistakes];
}

/** @param {string[]} mistakes */
export function refuse(mistakes) {
  if (mistakes.length === 0) return;
  throw new CannotStart(
    mistakes.length === 1 ? `Cannot start: ${mistakes[0]}.` : ['Cannot start:', ...mistakes].join('\n  '),
  );
}

/**
 * A host to listen on, as part of a URL.
 * @param {string} host
 */
export function urlHost(host) {
  if (['127.0.0.1', '0.0.0.0', '::', '::1'].includes(host)) return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}

/**
 * A run has a key of its own for the secrets of subscriptions, unless the user has set some.
 * @param {NodeJS.ProcessEnv} env
 * @param {{ secretKeysFile?: string }} run
 */
const keysOf = (env, { secretKeysFile }) =>
  secretKeysFile === undefined || env['SECRET_KEYS'] ? {} : { SECRET_KEYS_FILE: secretKeysFile };

/**
 * Credentials and certificates are for another broker than the own one.
 * @param {NodeJS.ProcessEnv} env
 */
const withoutBrokerSettings = (env) =>
  Object.fromEntries(Object.entries(env).filter(([key]) => !key.startsWith('NATS_')));

/**
 * An empty variable is none: it does not take the place of what is set above.
 * @param {NodeJS.ProcessEnv} env
 */
const withoutEmpty = (env) => Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
