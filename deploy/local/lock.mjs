// @ts-check
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { CannotStart } from './cannotStart.mjs';

/**
 * Makes sure that one run at a time uses a data folder. The lock is a file that names its owner; the lock of a process
 * that is gone is taken over.
 * @param {string} path
 * @returns {() => void} how to let go
 */
export function takeLock(path) {
  const mine = `${path}.${process.pid}`;
  writeFileSync(mine, ownerOf(process.pid));
  try {
    while (!tryLink(mine, path)) {
      const owner = readFileSync(path, 'utf8');
      const pid = Number(owner.split(' ')[0]);
      if (owner !== '' && ownerOf(pid) === owner) {
        throw new CannotStart(
          `npm start runs here already (process ${pid}): stop it first, or set DATA_DIR to another folder for a ` +
            'second run.',
        );
      }
      removeStale(path, owner, mine);
    }
  } finally {
    rmSync(mine);
  }
  return () => rmSync(path, { force: true });
}

/**
 * Process id and start time: a later process with the same id is somebody else. Empty when there is no such process.
 * @param {number} pid
 */
export function ownerOf(pid) {
  try {
    // proc(5): the start time is field 22; the name before it, in brackets, may contain anything.
    const [state, ...fields] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').slice(-1).join().split(' ');
    return state === 'Z' ? '' : `${pid} ${fields[18]}`;
  } catch {
    return '';
  }
}

/**
 * @param {string} from
 * @param {string} to
 */
function tryLink(from, to) {
  try {
    linkSync(from, to);
    return true;
  } catch (err) {
    if (/** @type {NodeJS.ErrnoException} */ (err).code === 'EEXIST') return false;
    throw err;
  }
}

/**
 * Two that see the same stale lock must not both remove it: the second one would remove the first one's.
 * @param {string} path
 * @param {string} stale
 * @param {string} mine
 */
function removeStale(path, stale, mine) {
  const aside = `${mine}.stale`;
  try {
    renameSync(path, aside);
  } catch (err) {
    if (/** @type {NodeJS.ErrnoException} */ (err).code === 'ENOENT') return;
    throw err;
  }
  if (readFileSync(aside, 'utf8') !== stale) tryLink(aside, path);
  rmSync(aside);
}
