// @ts-check
import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';

/**
 * The file of the key that the secrets of subscriptions are sealed with; made once, for its owner's eyes alone.
 * @param {string} path
 * @returns {string} the path
 */
export function provideSecretKey(path) {
  if (!existsSync(path)) writeFileSync(path, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
  return path;
}
