// @ts-check
import { spawn } from 'node:child_process';

/**
 * Runs a command in the foreground, its output shown, and gives its exit code; 127 when there is no such program.
 * @param {string[]} command
 * @param {{ cwd?: string, quiet?: boolean, signal?: AbortSignal | undefined, killSignal?: NodeJS.Signals }} [options]
 *   `signal` ends it early, by `killSignal`
 * @returns {Promise<number>}
 */
export function run([name = '', ...args], { cwd, quiet = false, signal, killSignal = 'SIGTERM' } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(name, args, {
      ...(cwd !== undefined && { cwd }),
      ...(signal && { signal, killSignal }),
      stdio: quiet ? 'ignore' : ['ignore', 'inherit', 'inherit'],
    });
    child.once('error', (/** @type {NodeJS.ErrnoException} */ err) => {
      if (err.code === 'ENOENT' || err.code === 'EACCES') resolve(127);
      else reject(signal?.aborted ? signal.reason : err);
    });
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
