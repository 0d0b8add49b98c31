import type { Clock } from '../../shared/clock.js';

/** Something that ends itself when its time is over. */
export interface Limited {
  timeOut(ms: number): void;
}

/** The same time limit for many things that run: one timer for all of them, set to the oldest. */
export class TimeLimit {
  readonly #ms: number;
  readonly #clock: Pick<Clock, 'monotonic' | 'wakeAt'>;
  /** Oldest first. */
  readonly #running = new Map<Limited, number>();
  #cancelWake: (() => void) | undefined;

  constructor(ms: number, clock: Pick<Clock, 'monotonic' | 'wakeAt'>) {
    this.#ms = ms;
    this.#clock = clock;
  }

  start(one: Limited): void {
    this.#running.set(one, this.#clock.monotonic() + this.#ms);
    this.#wake();
  }

  end(one: Limited): void {
    this.#running.delete(one);
  }

  /** Nothing is limited any more. */
  close(): void {
    this.#cancelWake?.();
    this.#running.clear();
  }

  // The alarm stays when the thing it was set for ends in time: to cancel and set one for each would cost more.
  #wake(): void {
    if (this.#cancelWake !== undefined) return;
    const [first] = this.#running.values();
    if (first === undefined) return;
    this.#cancelWake = this.#clock.wakeAt(first, () => {
      this.#cancelWake = undefined;
      this.#endOverdue();
      this.#wake();
    });
  }

  #endOverdue(): void {
    const now = this.#clock.monotonic();
    for (const [one, endMs] of this.#running) {
      if (endMs > now) return;
      this.#running.delete(one);
      one.timeOut(this.#ms);
    }
  }
}
