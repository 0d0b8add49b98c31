// `npm run test:ledger -- --minutes N [--seed S]`: the ledger for longer than CI has time for.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const USAGE = `Usage: npm run test:ledger -- [--minutes N] [--seed S]

Delivers events over outages and kills, writes every delivery down, and compares in the end.

  --minutes N   how long (default: 5)
  --seed S      a whole number: the same outages again (default: another one each time)

Example: npm run test:ledger -- --minutes 10
`;
if (process.argv.includes('--help') || process.argv.includes('-h')) {
  process.stdout.write(USAGE);
  process.exit();
}
const { values } = parseArgs({ options: { minutes: { type: 'string', default: '5' }, seed: { type: 'string' } } });
const seconds = Math.round(Number(values.minutes) * 60);
if (!(seconds > 0)) {
  process.stderr.write(`--minutes must be a number above 0, got "${values.minutes}"\n`);
  process.exit(1);
}
const env = { ...process.env, LEDGER_SECONDS: String(seconds), ...(values.seed && { LEDGER_SEED: values.seed }) };
const { status } = spawnSync('npm', ['run', '-s', 'test:long', '--', '--testPathPatterns', 'test/ledger'], {
  env,
  stdio: 'inherit',
});
process.exit(status ?? 1);
