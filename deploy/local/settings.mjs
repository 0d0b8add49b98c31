// @ts-check
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { CannotStart } from './cannotStart.mjs';

export const USAGE = `Usage: npm start [-- --no-demo]

Runs the broker, the collector and the gateway on this machine, with a demo: recorded output of a real linuxptp plays
over and over, and a demo consumer prints the events it is sent.

  --no-demo   wait for a real daemon on EVENT_SOCKET instead; NODE_NAME is the node's name
  --help      this text

DATA_DIR (.data), NATS_URL (own broker), API_PORT (8089) and all settings of the services are environment variables:
see .env.example.`;

/**
 * @typedef {object} Settings
 * @property {boolean} help
 * @property {boolean} demo
 * @property {string} dataDir
 * @property {string | undefined} natsUrl undefined: an own broker
 * @property {string} nodeName
 * @property {string} host where the services listen
 * @property {number} apiPort taken: an error
 * @property {number} metricsPort taken: the next free one, as with the following ports
 * @property {number} brokerPort
 * @property {number} monitoringPort
 * @property {number} consumerPort
 */

/**
 * Throws CannotStart with everything that is wrong.
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @param {string} root
 * @returns {Settings}
 */
export function readSettings(args, env, root) {
  const unknown = args.filter((arg) => !['--no-demo', '--help', '-h'].includes(arg));
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
    if (!(value >= 1 && value <= 65_535)) mistakes.push(`${name} must be a port from 1 to 65535, got "${text}"`);
    return value;
  };
  const demo = !args.includes('--no-demo');
  const nodeName = env['NODE_NAME'] || (demo ? 'demo-node' : hostname());
  // The demo's profile is a file of this name; everything else about the name is the collector's to judge.
  if (nodeName.includes('/') || nodeName === '..') mistakes.push(`NODE_NAME is no node name, got "${nodeName}"`);
  const settings = {
    help: args.includes('--help') || args.includes('-h'),
    demo,
    dataDir: resolve(root, env['DATA_DIR'] || '.data'),
    natsUrl: env['NATS_URL'] || undefined,
    nodeName,
    host: env['LISTEN_HOST'] || '127.0.0.1',
    apiPort: port('API_PORT', 8089),
    metricsPort: port('METRICS_PORT', 9091),
    brokerPort: 4222,
    monitoringPort: 8222,
    consumerPort: port('CONSUMER_PORT', 9089),
  };
  if (mistakes.length > 0) throw new CannotStart(`Cannot start: ${mistakes.join('; ')}.`);
  return settings;
}
