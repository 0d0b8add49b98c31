const FIRST_MS = 100;
const LONGEST_MS = 30_000;

/**
 * How long to wait after the n-th failed attempt (n from 1): exponential with full jitter, so that consumers which
 * failed together do not come back together.
 * @param random from 0 (included) to 1 (excluded)
 */
export function backoffMs(attempt: number, random: number): number {
  return random * Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt - 1, 20));
}
