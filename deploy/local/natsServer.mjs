// @ts-check
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { CannotStart } from './cannotStart.mjs';
import { run } from './command.mjs';

/** Where packages and people put it; Debian's folder is not on every user's PATH. */
const USUAL_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin'];

/**
 * The nats-server program, installed when it is missing and may be.
 * @param {NodeJS.ProcessEnv} env
 * @param {AbortSignal} [signal]
 * @returns {Promise<string>} its path
 */
export async function provideNatsServer(env, signal) {
  if (env['NATS_SERVER']) {
    if (isProgram(env['NATS_SERVER'])) return env['NATS_SERVER'];
    throw new CannotStart(`NATS_SERVER names no program: ${env['NATS_SERVER']}.`);
  }
  const found = findProgram('nats-server', env);
  if (found !== undefined) return found;

  const apt = await aptGet(env, signal);
  if (apt !== undefined) {
    console.log("Installing nats-server, Debian's package: apt-get install nats-server …");
    // On a fresh machine apt does not know any package yet.
    if ((await run([...apt, 'install', '--simulate', 'nats-server'], { quiet: true, signal })) !== 0) {
      await run([...apt, 'update'], { signal });
    }
    await run([...apt, 'install', '-y', '--no-install-recommends', 'nats-server'], { signal });
    const installed = findProgram('nats-server', env);
    if (installed !== undefined) return installed;
  }
  throw new CannotStart(
    `nats-server is missing${apt ? ' and apt-get could not install it, see above' : ''}: install it ` +
      '(Debian: "sudo apt-get install nats-server"; others: https://github.com/nats-io/nats-server/releases, put it ' +
      'on PATH or name it in NATS_SERVER), or set NATS_URL to a NATS server with JetStream.',
  );
}

/**
 * How to call apt-get here without being asked for a password; undefined where that is not possible.
 * @param {NodeJS.ProcessEnv} env
 * @param {AbortSignal} [signal]
 */
async function aptGet(env, signal) {
  const program = findProgram('apt-get', env, ['/usr/bin']);
  if (program === undefined) return undefined;
  const command = ['env', 'DEBIAN_FRONTEND=noninteractive', program];
  if (process.getuid?.() === 0) return command;
  const isAllowed = (await run(['sudo', '-n', 'true'], { quiet: true, signal })) === 0;
  return isAllowed ? ['sudo', '-n', ...command] : undefined;
}

/**
 * @param {string} name
 * @param {NodeJS.ProcessEnv} env
 * @param {string[]} [usualFolders] looked at after PATH
 * @returns {string | undefined}
 */
export function findProgram(name, env, usualFolders = USUAL_FOLDERS) {
  const folders = [...(env['PATH'] ?? '').split(delimiter), ...usualFolders];
  return folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isProgram);
}

/** @param {string} path */
function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
