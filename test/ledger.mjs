// `npm run test:ledger -- --minutes N [--seed S]`: the ledger for longer than CI has time for.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

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
