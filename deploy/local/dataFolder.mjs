// @ts-check
import { existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CannotStart } from './cannotStart.mjs';
import { takeLock } from './lock.mjs';

/** Longest path of a UNIX socket on Linux. */
const MAX_SOCKET_PATH = 107;

/**
 * Everything a run writes.
 * @typedef {object} DataFolder
 * @property {string} path
 * @property {string} log one file per process
 * @property {string} broker JetStream's store
 * @property {string} demo the demo's PTP configuration
 * @property {string} prometheus its configuration and data
 * @property {string} secretKeys file of the key for the secrets of subscriptions
 * @property {string} eventSocket
 * @property {() => void} close leaves the data and removes the rest: also the folders, where nothing was written
 */

/**
 * Makes the folder ready for this run alone. Throws CannotStart when it is not writable or in use.
 * @param {string} path
 * @returns {DataFolder}
 */
export function openDataFolder(path) {
  const log = join(path, 'log');
  const broker = join(path, 'broker');
  const demo = join(path, 'demo');
  const prometheus = join(path, 'prometheus');
  const run = join(path, 'run');
  /** @type {string[]} */
  const made = [];
  /** @type {() => void} */
  let unlock;
  try {
    for (const folder of [log, broker, demo, prometheus, run]) makeFolder(folder, made);
    unlock = takeLock(join(path, 'lock'));
  } catch (err) {
    removeEmpty(made);
    if (err instanceof CannotStart) throw err;
    const { code } = /** @type {NodeJS.ErrnoException} */ (err);
    throw new CannotStart(`Cannot write to ${path} (${code}): make it writable, or set DATA_DIR to another folder.`);
  }
  const socketFolder = shortFolder(run);
  const eventSocket = join(socketFolder, 'events.sock');
  return {
    path,
    log,
    broker,
    demo,
    prometheus,
    secretKeys: join(path, 'secret.keys'),
    eventSocket,
    close() {
      rmSync(eventSocket, { force: true });
      if (socketFolder !== run) rmdirSync(socketFolder);
      unlock();
      removeEmpty(made);
    },
  };
}

/**
 * Makes a folder and those above it. (mkdir's own `recursive` never returns below /proc.)
 * @param {string} folder
 * @param {string[]} made those that were made are added
 */
function makeFolder(folder, made) {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder), made);
  mkdirSync(folder);
  made.push(folder);
}

/**
 * A run that could not start leaves no empty folders behind.
 * @param {string[]} made
 */
function removeEmpty(made) {
  for (const folder of made.toReversed()) {
    try {
      rmdirSync(folder);
    } catch {
      // something is in it
    }
  }
}

/**
 * @param {string} folder
 * @returns {string} the folder, or a temporary one when a socket in it would have too long a path
 */
export function shortFolder(folder) {
  const isShort = Buffer.byteLength(join(folder, 'events.sock')) <= MAX_SOCKET_PATH;
  return isShort ? folder : mkdtempSync(join(tmpdir(), 'ptp-event-bus-'));
}
