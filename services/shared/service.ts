import { Registry } from 'prom-client';
import { systemClock, type Clock } from './clock.js';
import { ConfigError, type Env } from './env.js';
import { helpOf, settingsOf, type About } from './help.js';
import { Lifecycle } from './lifecycle.js';
import { createLog, type Logger } from './log.js';
import { suspects } from './misspelt.js';
import { SETTING_NAMES } from './settingNames.js';

/** What a service is given: a test hands in its own. */
export interface Deps {
  log: Logger;
  life: Lifecycle;
  registry: Registry;
  clock: Clock;
  /** Stops the service with an error; the process ends with code 1. */
  fail: (err: Error) => void;
}

/** A reason not to start that the operator can mend: told in one sentence, without a stack. */
export class CannotStart extends Error {
  override name = 'CannotStart';
}

/**
 * Runs one service as this process: `--help`, settings, signals, exit code. SIGTERM and SIGINT close everything in order
 * (exit code 0); a second signal ends the process at once.
 */
export async function runService<Config extends { logLevel: string }>(
  about: About,
  readConfig: (vars: NodeJS.ProcessEnv, env?: Env) => Config,
  start: (config: Config, deps: Deps) => Promise<void>,
): Promise<void> {
  const { name } = about;
  const [argument] = process.argv.slice(2);
  if (argument === '--help' || argument === '-h') {
    process.stdout.write(helpOf(about, settingsOf(readConfig)));
    return;
  }
  let config: Config;
  try {
    if (argument !== undefined) {
      throw new ConfigError([`there are no arguments ("${argument}"), settings are environment variables: see --help`]);
    }
    config = readConfig(process.env);
  } catch (err) {
    if (!(err instanceof ConfigError)) throw err;
    process.stderr.write(`${name} cannot start:${err.mistakes.length > 1 ? '' : ' '}${err.message}\n`);
    process.exitCode = 1;
    return;
  }
  const log = createLog(name, config.logLevel);
  const { unknown } = suspects(process.env, SETTING_NAMES);
  if (unknown.length > 0) log.warn({ variables: unknown }, 'variables that look like settings, but are none');
  const life = new Lifecycle(log);
  const end = async (code: number): Promise<never> => {
    await life.stop();
    process.exit(code);
  };
  const fail = (err: unknown): void => {
    if (life.isStopping) return;
    if (err instanceof CannotStart) process.stderr.write(`${name} cannot start: ${err.message}\n`);
    else log.fatal({ err }, 'failed');
    void end(1);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (life.isStopping) process.exit(1);
      log.info({ signal }, 'stopping');
      void end(0);
    });
  }
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  try {
    await start(config, { log, life, registry: new Registry(), clock: systemClock, fail });
  } catch (err) {
    fail(err);
  }
}
