import { randomBytes } from 'node:crypto';

/** Drawn at once: each draw is a system call or more. */
const DRAWN_BYTES = 2_048;

let drawn = '';
let used = 0;

/** Random bytes as lower-case hex digits, of the same quality as `randomBytes`. @param bytes at most 2 048 */
export function randomHex(bytes: number): string {
  if (used + 2 * bytes > drawn.length) {
    drawn = randomBytes(DRAWN_BYTES).toString('hex');
    used = 0;
  }
  const from = used;
  used += 2 * bytes;
  return drawn.slice(from, used);
}
