import type { Nanoseconds } from './observation.js';

const DECIMAL = /^[+-]?\d+(?:\.\d+)?$/;
/** With fewer characters than this a whole number is exact as a double. */
const EXACT_LENGTH = 15;
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);
/** What the daemon writes where it knows no offset; it must never pass for one (decisions d and q). */
const NO_OFFSET = -9999999999999999n;
const NO_OFFSET_EITHER_WAY = 99_999_999_999;
const ZERO = 48;
const NINE = 57;

/** A whole number, a fraction being cut off; undefined for anything else and beyond 2^53. */
export function integer(word: string | undefined): number | undefined {
  const exact = shortInteger(word);
  if (exact !== undefined || word === undefined || !DECIMAL.test(word)) return exact;
  const value = Math.trunc(Number(word));
  // A printed -0 is 0.
  return Number.isSafeInteger(value) ? value + 0 : undefined;
}

/** A whole number within limits, both included. */
export function integerWithin(word: string | undefined, min: number, max: number): number | undefined {
  const value = integer(word);
  return value !== undefined && value >= min && value <= max ? value : undefined;
}

/**
 * Whether a word that gave no figure is a number all the same: one beyond 2^53 or outside its list. Such a figure is left
 * out and the rest of its line counts (decision p); a word that is no number makes the line malformed (decision b).
 */
export const isNumber = (word: string | undefined): boolean =>
  shortInteger(word) !== undefined || (word !== undefined && DECIMAL.test(word));

/** An offset in ns, exact over the 64-bit range that linuxptp counts in; a fraction is cut off. */
export function nanoseconds(word: string | undefined): Nanoseconds | undefined {
  const offset = offsetOf(word);
  return offset === 'none' ? undefined : offset;
}

/** As nanoseconds(), and `none` for what the daemon writes where it knows no offset. */
export function offsetOf(word: string | undefined): Nanoseconds | 'none' | undefined {
  const exact = shortInteger(word) ?? longOffset(word);
  return exact === NO_OFFSET_EITHER_WAY || exact === -NO_OFFSET_EITHER_WAY ? 'none' : exact;
}

function longOffset(word: string | undefined): Nanoseconds | 'none' | undefined {
  if (word === undefined || !DECIMAL.test(word)) return undefined;
  const [whole = ''] = word.split('.');
  const value = BigInt(whole.startsWith('+') ? whole.slice(1) : whole);
  if (value === NO_OFFSET) return 'none';
  if (value > INT64_MAX || value < INT64_MIN) return undefined;
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

// Nearly every number of nearly every line; reading the digits here takes a third of the time of a pattern and Number().
function shortInteger(word: string | undefined): number | undefined {
  if (word === undefined || word.length > EXACT_LENGTH) return undefined;
  const sign = word.charCodeAt(0);
  const first = sign === 43 || sign === 45 ? 1 : 0; // + -
  if (word.length === first) return undefined;
  let value = 0;
  for (let i = first; i < word.length; i++) {
    const code = word.charCodeAt(i);
    if (code < ZERO || code > NINE) return undefined;
    value = value * 10 + (code - ZERO);
  }
  return sign === 45 && value !== 0 ? -value : value;
}
