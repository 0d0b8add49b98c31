// @ts-check
import { fileURLToPath } from 'node:url';
import { buildIfNeeded } from './build.mjs';
import { installDependencies } from './dependencies.mjs';
import { CannotStart } from './cannotStart.mjs';
import { provideNatsServer } from './natsServer.mjs';
import { provideProgram } from './programs.mjs';

/** The repository's folder. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Everything a run needs: dependencies, nats-server, dist/. What is already there is left alone, so that a second
 * time costs next to nothing.
 * @param {NodeJS.ProcessEnv} env
 * @param {{ needsBroker: boolean, needsPython?: boolean, signal?: AbortSignal }} options
 * @returns {Promise<string | undefined>} the nats-server program
 */
export async function prepare(env, { needsBroker, needsPython = false, signal }) {
  await installDependencies(root, signal);
  const natsServer = needsBroker ? await provideNatsServer(env, signal) : undefined;
  if (needsPython && (await provideProgram('python3', env, signal)).program === undefined) {
    throw new CannotStart(
      'python3 is missing, which an example and its test need (Debian: "sudo apt-get install python3").',
    );
  }
  await buildIfNeeded(root, signal);
  return natsServer;
}
