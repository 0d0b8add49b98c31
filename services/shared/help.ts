import { ConfigError, Env, type Setting } from './env.js';

/** What `--help` says about a service beside its settings. */
export interface About {
  name: string;
  /** One sentence. */
  does: string;
  /** Commands. */
  examples: readonly string[];
}

/** The settings that a service reads, in the order in which it reads them. */
export function settingsOf(readConfig: (vars: NodeJS.ProcessEnv, env: Env) => unknown): Setting[] {
  const env = new Env({});
  try {
    readConfig({}, env);
  } catch (err) {
    // What is required is not there.
    if (!(err instanceof ConfigError)) throw err;
  }
  return env.settings;
}

/** Usage, settings with unit and default, examples. */
export function helpOf({ name, does, examples }: About, settings: readonly Setting[]): string {
  const width = Math.max(...settings.map((setting) => setting.name.length));
  const lines = settings.map((setting) => {
    const { what, unit, fallback, isRequired } = setting;
    const value = isRequired ? 'required' : fallback === undefined ? 'not set' : `default ${fallback}`;
    return `  ${setting.name.padEnd(width)}  ${what}\n  ${''.padEnd(width)}  [${unit}; ${value}]`;
  });
  return `Usage: node dist/services/${name}/main.js

${does} It takes no arguments but --help; SIGTERM ends it.

Settings are environment variables, read once. An empty one counts as absent.

${lines.join('\n')}

Examples:
${examples.map((example) => `  ${example}`).join('\n')}
`;
}
