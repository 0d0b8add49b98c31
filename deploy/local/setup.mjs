// @ts-check
// Everything that the tests need. Must parse on old versions of Node too: see nodeVersion.mjs.
import { checkNode } from './nodeVersion.mjs';

checkNode();
const { report } = await import('./cannotStart.mjs');
const { prepare } = await import('./prepare.mjs');
const needs = { needsBroker: true, needsPrometheus: true, needsPython: true };
process.exitCode = await prepare(process.env, needs).then(() => 0, report);
