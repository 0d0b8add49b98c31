// @ts-check
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CannotStart } from './cannotStart.mjs';
import { run } from './command.mjs';

const SOURCES = ['proto', 'services', 'examples', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
const GENERATED = 'services/shared/contract';
const STAMP = 'dist/.built-from';

/**
 * dist/ made from the sources, unless it is already. A build makes the generated sources anew, which must not happen
 * under the feet of tests that are reading them.
 * @param {string} root
 * @param {AbortSignal} [signal]
 */
export async function buildIfNeeded(root, signal) {
  const sources = fingerprint(root);
  if (isBuilt(root, sources)) return;
  console.log('Building: npm run build …');
  const code = await run(['npm', 'run', '-s', 'build'], { cwd: root, signal });
  if (code !== 0) throw new CannotStart('The build failed, see above.');
  writeFileSync(join(root, STAMP), sources);
}

/**
 * @param {string} root
 * @param {string} [sources] their fingerprint
 */
export function isBuilt(root, sources = fingerprint(root)) {
  const stamp = join(root, STAMP);
  return existsSync(join(root, GENERATED)) && existsSync(stamp) && readFileSync(stamp, 'utf8') === sources;
}

/**
 * Names, sizes and times of all sources in one short text.
 * @param {string} root
 */
export function fingerprint(root) {
  const hash = createHash('sha256');
  for (const file of SOURCES.flatMap((path) => filesBelow(root, path))) {
    const { size, mtimeMs } = statSync(join(root, file));
    hash.update(`${file} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

/**
 * @param {string} root
 * @param {string} path
 * @returns {string[]}
 */
function filesBelow(root, path) {
  if (path === GENERATED || !existsSync(join(root, path))) return [];
  if (!statSync(join(root, path)).isDirectory()) return [path];
  return readdirSync(join(root, path))
    .toSorted()
    .flatMap((name) => filesBelow(root, `${path}/${name}`));
}
