import { setTimeout as pause } from 'node:timers/promises';
import type { FakeClock } from './fakeClock.js';

/** Waits until `look` gives something (not undefined, not false, not throwing), and returns it. */
export async function eventually<T>(look: () => T | Promise<T>, withinMs = 15_000): Promise<NonNullable<T>> {
  const end = performance.now() + withinMs;
  for (;;) {
    let last: unknown;
    try {
      const seen = await look();
      if (seen !== undefined && seen !== null && seen !== false) return seen;
      last = `it was ${String(seen)}`;
    } catch (err) {
      last = err;
    }
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${look.toString()}`, { cause: last });
    await pause(10);
  }
}

/**
 * For a service on a fake clock: lets `seconds` pass, then gives it some real time, until `look` gives something. Not more
 * often than needed: every limit and pause of the service ends when its clock jumps.
 */
export const asTimePasses = <T>(
  clock: FakeClock,
  seconds: number,
  look: () => T | Promise<T>,
): Promise<NonNullable<T>> =>
  eventually(() => {
    clock.advance({ seconds });
    return eventually(look, 3_000);
  }, 25_000);
