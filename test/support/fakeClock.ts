import type { Clock } from '../../services/shared/clock.js';

/** A clock that only a test moves. Deadlines are called in their order, each at its own time. */
export class FakeClock implements Clock {
  #nowMs: number;
  #monotonicMs: number;
  readonly #alarms = new Set<{ atMs: number; callback: () => void }>();

  constructor({ startsAt = '2026-03-01T12:00:00.000Z', monotonicMs = 1_000_000 } = {}) {
    this.#nowMs = Date.parse(startsAt);
    this.#monotonicMs = monotonicMs;
  }

  /** Callbacks that wait for their time. */
  get pending(): number {
    return this.#alarms.size;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#monotonicMs;
  }

  wakeAt(atMs: number, callback: () => void): () => void {
    const alarm = { atMs, callback };
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }

  advance({ seconds = 0, ms = 0 }: { seconds?: number; ms?: number }): void {
    const end = this.#monotonicMs + seconds * 1_000 + ms;
    for (;;) {
      const next = [...this.#alarms].filter(({ atMs }) => atMs <= end).toSorted((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#moveTo(Math.max(next.atMs, this.#monotonicMs));
      this.#alarms.delete(next);
      next.callback();
    }
    this.#moveTo(end);
  }

  #moveTo(monotonicMs: number): void {
    this.#nowMs += monotonicMs - this.#monotonicMs;
    this.#monotonicMs = monotonicMs;
  }
}
