// @ts-check
import { fileURLToPath } from 'node:url';
import { buildIfNeeded, isBuilt } from './build.mjs';
import { areInstalled, installDependencies } from './dependencies.mjs';
import { CannotStart } from './cannotStart.mjs';
import { provideNatsServer } from './natsServer.mjs';
import { providePrometheus } from './prometheus.mjs';
import { provideProgram } from './programs.mjs';

/** The repository's folder. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

/** Whether there is nothing to install or to build. */
export const isPrepared = () => areInstalled(root) && isBuilt(root);

/**
 * Everything a run needs: dependencies, programs, dist/. What is already there is left alone, so that a second
 * time costs next to nothing.
 * @param {NodeJS.ProcessEnv} env
 * @param {{ needsBroker: boolean, needsPrometheus: boolean, needsPython?: boolean, signal?: AbortSignal }} options
 * @returns {Promise<{ natsServer: string | undefined, prometheus: string | undefined }>} programs; Prometheus also
 *   where it is not needed but there
 */
export async function prepare(env, { needsBroker, needsPrometheus, needsPython = false, signal }) {
  await installDependencies(root, signal);
  const natsServer = needsBroker ? await provideNatsServer(env, signal) : undefined;
  const prometheus = await providePrometheus(env, { isWanted: needsPrometheus, signal });
  if (needsPython && (await provideProgram('python3', env, signal)).program === undefined) {
    throw new CannotStart(
      'python3 is missing, which an example and its test need (Debian: "sudo apt-get install python3").',
    );
  }
  await buildIfNeeded(root, signal);
  return { natsServer, prometheus };
}
