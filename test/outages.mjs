// `npm run test:outages -- --minutes N`: a broker that is away for longer than CI has time for.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const USAGE = `Usage: npm run test:outages -- [--minutes N]

Takes the broker away for so long and looks whether everything goes on afterwards.

  --minutes N   how long the broker is away (default: 10)

Example: npm run test:outages -- --minutes 30
`;
if (process.argv.includes('--help') || process.argv.includes('-h')) {
  process.stdout.write(USAGE);
  process.exit();
}
const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } });
const seconds = Math.round(Number(values.minutes) * 60);
if (!(seconds > 0)) {
  process.stderr.write(`--minutes must be a number above 0, got "${values.minutes}"\n`);
  process.exit(1);
}
const env = { ...process.env, OUTAGE_SECONDS: String(seconds) };
const { status } = spawnSync('npm', ['run', '-s', 'jest', '--', 'test/outages'], { env, stdio: 'inherit' });
process.exit(status ?? 1);
