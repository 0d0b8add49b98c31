// @ts-check
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CannotStart } from './cannotStart.mjs';
import { run } from './command.mjs';

/**
 * The packages of package-lock.json in node_modules: nothing when they are there, else `npm ci`.
 * @param {string} root
 * @param {AbortSignal} [signal]
 */
export async function installDependencies(root, signal) {
  if (areInstalled(root)) return;
  console.log('Installing the dependencies: npm ci, about half a minute …');
  // Asked to end, npm tidies up for up to half a minute. There is no need: the next npm ci begins with an empty folder.
  const options = /** @type {const} */ ({ cwd: root, signal, killSignal: 'SIGKILL' });
  const code = await run(['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund'], options);
  if (code === 127) throw new CannotStart('npm is missing: install it (on Debian: apt-get install npm).');
  if (code !== 0) throw new CannotStart('The dependencies could not be installed: npm ci failed, see above.');
}

/** @param {string} root */
export const areInstalled = (root) =>
  isInstalled(readLock(join(root, 'package-lock.json')), readLock(join(root, 'node_modules/.package-lock.json')));

/**
 * @typedef {{ packages: Record<string, { version?: string, optional?: boolean, devOptional?: boolean, peer?: boolean }> }} Lock
 * @param {string} path
 * @returns {Lock | undefined}
 */
function readLock(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * Compares what the lock file wants with the record that npm leaves in node_modules when it has finished. Packages of
 * other platforms are optional and may be missing.
 * @param {Lock | undefined} wanted
 * @param {Lock | undefined} installed
 */
export function isInstalled(wanted, installed) {
  if (wanted === undefined || installed === undefined) return false;
  return Object.entries(wanted.packages)
    .filter(([path]) => path !== '')
    .every(([path, { version, optional }]) => {
      const found = installed.packages[path];
      return found === undefined ? optional === true : found.version === version;
    });
}
