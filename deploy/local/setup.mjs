// @ts-check
// Everything that the tests need. Must parse on old versions of Node too: see nodeVersion.mjs.
import { checkNode } from './nodeVersion.mjs';

checkNode();
const { report } = await import('./cannotStart.mjs');
const { prepare } = await import('./prepare.mjs');
process.exitCode = await prepare(process.env, { needsBroker: true, needs: ['python3', 'prometheus'] }).then(
  () => 0,
  report,
);
