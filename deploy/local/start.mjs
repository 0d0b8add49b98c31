// @ts-check
// `npm start`. Must parse on old versions of Node too: see nodeVersion.mjs.
import { checkNode } from './nodeVersion.mjs';

checkNode();
const { main } = await import('./localRun.mjs');
process.exitCode = await main(process.argv.slice(2), process.env);
