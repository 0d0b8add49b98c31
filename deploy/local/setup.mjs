// @ts-check
// Everything that the tests need. Must parse on old versions of Node too: see nodeVersion.mjs.
import { checkNode } from './nodeVersion.mjs';

checkNode();
if (process.argv.includes('--help') || process.argv.includes('-h')) {
  process.stdout.write(
    'Usage: node deploy/local/setup.mjs\n\nInstalls and builds all that the tests need: packages, nats-server, Prometheus, python3, dist/.\n\n' +
      'NATS_SERVER and PROMETHEUS name programs that are not on PATH [path; default not set].\n',
  );
  process.exit();
}
const { report } = await import('./cannotStart.mjs');
const { prepare } = await import('./prepare.mjs');
const needs = { needsBroker: true, needsPrometheus: true, needsPython: true };
process.exitCode = await prepare(process.env, needs).then(() => 0, report);
