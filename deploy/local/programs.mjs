// @ts-check
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { run } from './command.mjs';

/** Where packages and people put programs; Debian's folder of servers is not on every user's PATH. */
const USUAL_FOLDERS = ['/usr/bin', '/usr/sbin', '/usr/local/sbin', '/usr/local/bin'];

/**
 * A program, installed from the Debian package of the same name when it is missing and may be.
 * @param {string} name
 * @param {NodeJS.ProcessEnv} env
 * @param {AbortSignal} [signal]
 * @returns {Promise<{ program: string | undefined, wasTried: boolean }>} its path; whether apt-get was asked for it
 */
export async function provideProgram(name, env, signal) {
  const found = findProgram(name, env);
  if (found !== undefined) return { program: found, wasTried: false };
  const apt = await aptGet(env, signal);
  if (apt === undefined) return { program: undefined, wasTried: false };
  console.log(`Installing ${name}, Debian's package: apt-get install ${name} …`);
  // On a fresh machine apt does not know any package yet.
  if ((await run([...apt, 'install', '--simulate', name], { quiet: true, signal })) !== 0) {
    await run([...apt, 'update'], { signal });
  }
  await run([...apt, 'install', '-y', '--no-install-recommends', name], { signal });
  return { program: findProgram(name, env), wasTried: true };
}

/**
 * How to call apt-get here without being asked for a password; undefined where that is not possible.
 * @param {NodeJS.ProcessEnv} env
 * @param {AbortSignal} [signal]
 */
async function aptGet(env, signal) {
  const program = findProgram('apt-get', env);
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
export function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
