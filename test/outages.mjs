// `npm run test:outages -- --minutes N`: a broker that is away for longer than CI has time for.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } });
const seconds = Math.round(Number(values.minutes) * 60);
if (!(seconds > 0)) {
  process.stderr.write(`--minutes must be a number above 0, got "${values.minutes}"\n`);
  process.exit(1);
}
const env = { ...process.env, OUTAGE_SECONDS: String(seconds) };
const { status } = spawnSync('npm', ['run', '-s', 'jest', '--', 'test/outages'], { env, stdio: 'inherit' });
process.exit(status ?? 1);
