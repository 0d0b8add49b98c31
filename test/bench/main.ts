// npm run bench -- [--only name,name] [--rounds n] [--json]
// npm run bench -- compare --api URL --socket PATH [--node NAME] [--rounds n] [--json]
import { parseArgs } from 'node:util';
import { compare, otherConfiguration, writeOtherConfiguration } from './compare.js';
import { rowsOf, tableOf, type Row } from './report.js';
import type { Figure, Scenario } from './scenario.js';
import { burstScenario } from './scenarios/burst.js';
import { fanOutScenario } from './scenarios/fanOut.js';
import { footprintScenario } from './scenarios/footprint.js';
import { isolationScenario } from './scenarios/isolation.js';
import { pacedScenario } from './scenarios/paced.js';
import { parseScenario } from './scenarios/parse.js';
import { recoveryScenario } from './scenarios/recovery.js';
import { startScenario } from './scenarios/start.js';
import { stormPerNodeScenario, stormScenario } from './scenarios/storm.js';

const SCENARIOS: readonly Scenario[] = [
  parseScenario,
  pacedScenario,
  burstScenario,
  stormScenario,
  stormPerNodeScenario,
  fanOutScenario,
  isolationScenario,
  recoveryScenario,
  footprintScenario,
  startScenario,
];

const HELP = `Usage: npm run bench -- [compare] [options]

Measures the built services beside their floor, in turn, and prints medians.

  npm run bench                                   all scenarios, about half an hour
  npm run bench -- --only paced,burst             some of them
  npm run bench -- --rounds 3                     another number of rounds for each
  npm run bench -- --json                         figures as JSON on standard output
  npm run bench -- compare --api URL --socket PATH --node NAME
                                                  paced and burst beside another system, which stands where the floor
                                                  stands; it needs ${otherConfiguration}
  npm run bench -- compare --write-config FOLDER --node NAME
                                                  writes that configuration, and ends

Scenarios:
${SCENARIOS.map(({ name, what }) => `  ${name.padEnd(15)} ${what}`).join('\n')}

NATS_SERVER names the nats-server program; absent: from PATH and the usual folders.`;

const progress = (text: string): void => void process.stderr.write(`${text}\n`);

/** What is wrong with the command line, and what would be right. */
class BadUsage extends Error {
  override name = 'BadUsage';
}

function options() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        only: { type: 'string' },
        rounds: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        api: { type: 'string' },
        socket: { type: 'string' },
        node: { type: 'string', default: 'bench-node' },
        'write-config': { type: 'string' },
      },
    });
    return { ...values, command: positionals[0], rounds: roundsOf(values.rounds) };
  } catch (err) {
    throw err instanceof BadUsage ? err : new BadUsage((err as Error).message);
  }
}

function roundsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new BadUsage(`--rounds must be a number from 1 to 9999, got "${text}"`);
  return Number(text);
}

function chosen(only: string | undefined): readonly Scenario[] {
  if (only === undefined) return SCENARIOS;
  const names = only.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name));
  if (unknown.length > 0) {
    const known = SCENARIOS.map(({ name }) => name).join(', ');
    throw new BadUsage(`no scenario ${unknown.join(', ')}: there are ${known}`);
  }
  return SCENARIOS.filter(({ name }) => names.includes(name));
}

async function run(scenario: Scenario, rounds: number): Promise<Row[]> {
  progress(`${scenario.name}: ${scenario.what}`);
  const open = await scenario.open();
  const measured: Figure[][] = [];
  try {
    for (let n = 0; n < rounds; n += 1) {
      const figures = await open.round(n);
      measured.push(figures);
      progress(`  round ${n + 1} of ${rounds}: ${figures.map(shortOf).join(', ')}`);
    }
  } finally {
    await open.close();
  }
  return rowsOf(scenario.name, measured);
}

const shortOf = ({ name, value, floor, unit }: Figure): string =>
  `${name} ${value.toPrecision(3)}${floor === undefined ? '' : ` (${floor.toPrecision(3)})`} ${unit}`;

async function main(): Promise<void> {
  const { help, json, only, rounds, command, api, socket, node, 'write-config': folder } = options();
  if (help) return void process.stdout.write(`${HELP}\n`);
  const rows: Row[] = [];
  if (command === 'compare') {
    if (folder !== undefined) return writeOtherConfiguration(folder, node);
    if (api === undefined || socket === undefined) throw new BadUsage('compare needs --api URL and --socket PATH');
    rows.push(...(await compare({ api, socket, node }, rounds ?? 5, progress)));
  } else if (command !== undefined) {
    throw new BadUsage(`no command ${command}: there is compare`);
  } else {
    for (const scenario of chosen(only)) rows.push(...(await run(scenario, rounds ?? scenario.rounds)));
  }
  process.stdout.write(json ? `${JSON.stringify(rows, null, 2)}\n` : `${tableOf(rows)}\n`);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
main().then(
  () => process.exit(0),
  (err: unknown) => {
    process.stderr.write(
      err instanceof BadUsage
        ? `${err.message}\nSee npm run bench -- --help.\n`
        : `${String((err as Error).stack ?? err)}\n`,
    );
    process.exit(err instanceof BadUsage ? 2 : 1);
  },
);
