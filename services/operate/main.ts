import { ConfigError } from '../shared/env.js';
import { settingsOf } from '../shared/help.js';
import { CannotStart } from '../shared/service.js';
import { readCommand, UsageError } from './arguments.js';
import { readConfig } from './config.js';
import { run } from './commands.js';
import { usage } from './usage.js';

/** Gives the exit code: 0, 1 when it could not be done, 2 when it was not understood. */
async function main(args: string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(usage(settingsOf(readConfig)));
    return 0;
  }
  try {
    const command = readCommand(args, Date.now());
    const lines = await run(command, readConfig(process.env));
    process.stdout.write(lines.map((line) => `${line}\n`).join(''));
    return 0;
  } catch (err) {
    if (!(err instanceof UsageError || err instanceof ConfigError || err instanceof CannotStart)) throw err;
    const sentence =
      err instanceof ConfigError && err.mistakes.length > 1 ? `The settings:${err.message}` : err.message;
    process.stderr.write(`${sentence}\n${err instanceof UsageError ? 'See --help.\n' : ''}`);
    return err instanceof UsageError ? 2 : 1;
  }
}

void main(process.argv.slice(2)).then((code) => (process.exitCode = code));
