// @ts-check
// Stands alone, in words that old versions of Node understand, so that they can say what is wrong.
import { readFileSync } from 'node:fs';

/**
 * @param {string} version for example 20.18.1
 * @param {string} needed
 */
export function isOlder(version, needed) {
  const [is, min] = [version.split('.'), needed.split('.')];
  const differing = min.findIndex((part, i) => Number(part) !== Number(is[i]));
  return differing >= 0 && Number(is[differing]) < Number(min[differing]);
}

/** Ends the process with one sentence when this Node is older than package.json's `engines` asks for. */
export function checkNode() {
  const { engines } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const needed = engines.node.replace('>=', '');
  if (!isOlder(process.versions.node, needed)) return;
  process.stderr.write(`Node ${process.versions.node} is too old: ptp-event-bus needs Node ${needed} or newer.\n`);
  process.exit(1);
}
