// @ts-check
import { CannotStart } from './cannotStart.mjs';
import { isProgram, provideProgram } from './programs.mjs';

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
  const { program, wasTried } = await provideProgram('nats-server', env, signal);
  if (program !== undefined) return program;
  throw new CannotStart(
    `nats-server is missing${wasTried ? ' and apt-get could not install it, see above' : ''}: install it ` +
      '(Debian: "sudo apt-get install nats-server"; others: https://github.com/nats-io/nats-server/releases, put it ' +
      'on PATH or name it in NATS_SERVER), or set NATS_URL to a NATS server with JetStream.',
  );
}
