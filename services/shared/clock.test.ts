import { FakeClock } from '../../test/support/fakeClock.js';
import { FineClock, type Clock } from './clock.js';

const START_MS = Date.parse('2026-03-01T12:00:00.000Z');

/** A wall clock that shows whole milliseconds only, as JavaScript's does; each look at it takes 1 µs. */
class CoarseClock implements Clock {
  /** What the wall clock is ahead of the monotonic one; few digits, so that nothing is lost in adding to it. */
  aheadMs = START_MS;
  #monotonicMs = 5_000.4;

  get trueMs(): number {
    return this.aheadMs + this.#monotonicMs;
  }

  now(): number {
    this.pass(0.001);
    return this.aheadMs + Math.floor(this.#monotonicMs);
  }

  monotonic(): number {
    return this.#monotonicMs;
  }

  pass(ms: number): void {
    this.#monotonicMs += ms;
  }

  wakeAt(): () => void {
    return () => undefined;
  }
}

describe('the fine clock', () => {
  it('shows fractions of a millisecond from its first reading on', () => {
    const coarse = new CoarseClock();
    const fine = new FineClock(coarse);
    for (const ms of [0.123, 0.5, 7.777, 1_000.001]) {
      coarse.pass(ms);
      expect(Math.abs(fine.now() - coarse.trueMs)).toBeLessThan(0.01);
    }
  });

  it.each([3_600_000, -3_600_000, 5, -5])('follows a step of %s ms at once', (stepMs) => {
    const coarse = new CoarseClock();
    const fine = new FineClock(coarse);
    coarse.aheadMs += stepMs;
    // By then it knows the fraction only as well as one look tells.
    expect(Math.abs(fine.now() - coarse.trueMs)).toBeLessThan(1);
    for (let looks = 0; looks < 2_000; looks += 1) fine.now();
    expect(Math.abs(fine.now() - coarse.trueMs)).toBeLessThan(0.01);
  });

  it('tells what the wall clock showed at an earlier moment of the monotonic clock', () => {
    const clock = new FakeClock();
    const fine = new FineClock(clock);
    const atMs = clock.monotonic();
    clock.advance({ ms: 2.5 });
    expect(fine.at(atMs)).toBe(START_MS);
    expect(fine.now()).toBe(START_MS + 2.5);
  });
});
