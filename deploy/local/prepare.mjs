// @ts-check
import { fileURLToPath } from 'node:url';
import { buildIfNeeded } from './build.mjs';
import { installDependencies } from './dependencies.mjs';
import { CannotStart } from './cannotStart.mjs';
import { provideNatsServer } from './natsServer.mjs';
import { provideProgram } from './programs.mjs';

/** The repository's folder. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

/** Debian packages, each with a program of the same name. */
const WHAT_FOR = {
  python3: 'which an example and its test need',
  prometheus: 'which the tests of the metrics need',
};

/**
 * Everything a run needs: dependencies, nats-server, dist/. What is already there is left alone, so that a second
 * time costs next to nothing.
 * @param {NodeJS.ProcessEnv} env
 * @param {{ needsBroker: boolean, needs?: (keyof typeof WHAT_FOR)[], signal?: AbortSignal }} options further programs that are needed
 * @returns {Promise<string | undefined>} the nats-server program
 */
export async function prepare(env, { needsBroker, needs = [], signal }) {
  await installDependencies(root, signal);
  const natsServer = needsBroker ? await provideNatsServer(env, signal) : undefined;
  for (const name of needs) {
    const { program } = await provideProgram(name, env, signal);
    if (program === undefined) {
      throw new CannotStart(`${name} is missing, ${WHAT_FOR[name]} (Debian: "sudo apt-get install ${name}").`);
    }
  }
  await buildIfNeeded(root, signal);
  return natsServer;
}
