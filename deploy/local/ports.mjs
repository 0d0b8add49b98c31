// @ts-check
import { createServer } from 'node:net';
import { CannotStart } from './cannotStart.mjs';

const TRIES = 100;

/**
 * The port itself when nobody listens on it, else the next free one.
 * @param {number} wanted
 * @param {string} host
 * @param {Set<number>} [spokenFor] ports given to others who do not listen yet; the answer is added
 * @returns {Promise<number>}
 */
export async function freePort(wanted, host, spokenFor = new Set()) {
  for (let port = wanted; port < Math.min(wanted + TRIES, 65_536); port += 1) {
    if (!spokenFor.has(port) && (await isFree(port, host))) {
      spokenFor.add(port);
      return port;
    }
  }
  throw new CannotStart(`No free port from ${wanted} on.`);
}

/**
 * @param {number} port
 * @param {string} host
 * @returns {Promise<boolean>}
 */
export function isFree(port, host) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (/** @type {NodeJS.ErrnoException} */ err) => {
      if (err.code === 'EADDRINUSE') resolve(false);
      else reject(new CannotStart(`Cannot listen on ${host}, port ${port} (${err.code}).`));
    });
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}
