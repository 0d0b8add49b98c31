// @ts-check
import { connect } from 'node:net';
import { join } from 'node:path';
import { CannotStart } from './cannotStart.mjs';

const CONNECT_MS = 5_000;

/**
 * The command of the local run's own broker.
 * @param {string} program
 * @param {{ root: string, store: string, port: number, monitoringPort: number }} options
 */
export function brokerCommand(program, { root, store, port, monitoringPort }) {
  const config = join(root, 'deploy/local/nats.conf');
  const address = ['-a', '127.0.0.1', '-p', String(port), '-m', String(monitoringPort)];
  return [program, '-c', config, ...address, '-sd', store];
}

/**
 * The services would wait for their broker for ever; somebody who has just mistyped NATS_URL should be told.
 * @param {string} natsUrl one URL, or several with commas
 */
export async function checkBroker(natsUrl) {
  const attempts = natsUrl.split(',').map((url) => canConnect(url.trim()));
  try {
    await Promise.any(attempts);
  } catch (err) {
    const [first] = /** @type {AggregateError} */ (err).errors;
    throw new CannotStart(`No broker answers at NATS_URL=${natsUrl}: ${first.message}.`);
  }
}

/**
 * @param {string} url
 * @returns {Promise<void>}
 */
async function canConnect(url) {
  const full = url.includes('://') ? url : `nats://${url}`;
  if (!URL.canParse(full)) throw new Error(`"${url}" is no URL`);
  const { hostname, port } = new URL(full);
  const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 4222) });
  try {
    await new Promise((resolve, reject) => {
      socket.setTimeout(CONNECT_MS, () => reject(new Error(`no answer within ${CONNECT_MS / 1000} s`)));
      socket.once('error', (/** @type {NodeJS.ErrnoException} */ { code, message }) =>
        reject(new Error(code === 'ECONNREFUSED' ? 'connection refused' : message || code)),
      );
      socket.once('connect', resolve);
    });
  } finally {
    socket.destroy();
  }
}
