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
  #isWaking = false;

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

  #wake(): void {
    if (this.#isWaking) return;
    const [first] = this.#running.values();
    if (first === undefined) return;
    this.#isWaking = true;
    this.#clock.wakeAt(first, () => {
      this.#isWaking = false;
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
