// `npm run stress:tracing -- --megabytes N`: the tracing service fed with more spans than CI has time for.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const USAGE = `Usage: npm run stress:tracing -- [--megabytes N]

Sends the tracing service more spans than it may keep, and watches its memory.

  --megabytes N   spans to send, MB (default: 1024)

Example: npm run stress:tracing -- --megabytes 256
`;
if (process.argv.includes('--help') || process.argv.includes('-h')) {
  process.stdout.write(USAGE);
  process.exit();
}
const { values } = parseArgs({ options: { megabytes: { type: 'string', default: '1024' } } });
const megabytes = Number(values.megabytes);
if (!(megabytes > 0)) {
  process.stderr.write(`--megabytes must be a number above 0, got "${values.megabytes}"\n`);
  process.exit(1);
}
const env = { ...process.env, STRESS_MEGABYTES: String(megabytes) };
const { status } = spawnSync('npm', ['run', '-s', 'test:long', '--', '--testPathPatterns', 'test/tracingFlood'], {
  env,
  stdio: 'inherit',
});
process.exit(status ?? 1);
