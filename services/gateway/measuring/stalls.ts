import type { Lifecycle } from '../../shared/lifecycle.js';
import type { Clock } from '../../shared/clock.js';

const TICK_MS = 20;
/** A tick that is later than this was kept waiting by something that lasted. */
const LATE_MS = 2.5 * TICK_MS;
/** What had come in meanwhile is read within this time of the tick that ends a stall, be it before or after it. */
const AFTER_MS = 2 * TICK_MS;

/**
 * Knows how long the process had not run before now: it was stopped, starved, or busy with one thing. What it reads then
 * may have waited at its own door, and that time is neither the broker's nor the network's.
 */
export class Stalls {
  #tickedMs: number;
  #last = { sinceMs: -Infinity, untilMs: -Infinity };

  /** @param nowMs of a monotonic clock, as everywhere here */
  constructor(nowMs: number) {
    this.#tickedMs = nowMs;
  }

  tick(nowMs: number): void {
    if (nowMs - this.#tickedMs > LATE_MS) this.#last = { sinceMs: this.#tickedMs, untilMs: nowMs };
    this.#tickedMs = nowMs;
  }

  /** ms that a message which is read now may have waited for this process: never less than it did, 0 without a stall. */
  before(nowMs: number): number {
    // Whether the socket or the tick comes first after a stall is nobody's choice.
    if (nowMs - this.#tickedMs > LATE_MS) return nowMs - this.#tickedMs;
    return nowMs - this.#last.untilMs <= AFTER_MS ? nowMs - this.#last.sinceMs : 0;
  }
}

/** Watches this process until it stops. */
export function watchStalls(clock: Clock, life: Lifecycle): Stalls {
  const stalls = new Stalls(clock.monotonic());
  const timer = setInterval(() => stalls.tick(clock.monotonic()), TICK_MS).unref();
  life.onStop('stall watch', () => clearInterval(timer));
  return stalls;
}
