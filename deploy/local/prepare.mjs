// @ts-check
import { fileURLToPath } from 'node:url';
import { buildIfNeeded } from './build.mjs';
import { installDependencies } from './dependencies.mjs';
import { provideNatsServer } from './natsServer.mjs';

/** The repository's folder. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Everything a run needs: dependencies, nats-server, dist/. What is already there is left alone, so that a second
 * time costs next to nothing.
 * @param {NodeJS.ProcessEnv} env
 * @param {{ needsBroker: boolean, signal?: AbortSignal }} options
 * @returns {Promise<string | undefined>} the nats-server program
 */
export async function prepare(env, { needsBroker, signal }) {
  await installDependencies(root, signal);
  const natsServer = needsBroker ? await provideNatsServer(env, signal) : undefined;
  await buildIfNeeded(root, signal);
  return natsServer;
}
