/** Time, handed to whoever needs it, so that tests can pass their own. */
export interface Clock {
  /** Wall clock: ms since 1970, UTC. */
  now(): number;
  /** CLOCK_MONOTONIC in ms: the clock linuxptp stamps its lines with. Never steps. */
  monotonic(): number;
  /** Calls back once when monotonic() has reached `atMs`. Returns how to cancel it. */
  wakeAt(atMs: number, callback: () => void): () => void;
}

/** setTimeout fires at once beyond 2^31 - 1 ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  // On Linux this is CLOCK_MONOTONIC itself.
  monotonic: () => Number(process.hrtime.bigint() / 1000n) / 1000,
  wakeAt(atMs, callback) {
    let timer: NodeJS.Timeout;
    const arm = (): void => {
      const left = atMs - systemClock.monotonic();
      if (left <= 0) timer = setTimeout(callback, 0);
      else timer = setTimeout(left > LONGEST_TIMER_MS ? arm : check, Math.min(Math.ceil(left), LONGEST_TIMER_MS));
    };
    const check = (): void => (atMs - systemClock.monotonic() <= 0 ? callback() : arm());
    arm();
    return () => clearTimeout(timer);
  },
};

/** Resolves when the clock says so, or at once when `signal` is aborted. Never rejects. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.wakeAt(clock.monotonic() + ms, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** Looks at the wall clock for at most some ms. */
const LOOKS = 100_000;

/**
 * The wall clock with a fraction of a millisecond: JavaScript's own has none, and a hop inside one host takes less than
 * that. It follows the wall clock's steps.
 */
export class FineClock {
  readonly #clock: Clock;
  /** Wall clock minus monotonic, ms. Every sample is up to 1 ms too low, so the highest is the best. */
  #offsetMs = -Infinity;

  /** Watches the wall clock until it ticks, 1 ms at most: a sample taken then is exact. */
  constructor(clock: Clock) {
    this.#clock = clock;
    const began = clock.now();
    for (let looks = 0; looks < LOOKS && clock.now() === began; looks += 1) continue;
    this.now();
  }

  /** ms since 1970. */
  now(): number {
    return this.at(this.#clock.monotonic());
  }

  /** ms since 1970 at a moment of the monotonic clock, as the wall clock has it now. */
  at(monotonicMs: number): number {
    const sample = this.#clock.now() - this.#clock.monotonic();
    const isSetBack = sample < this.#offsetMs - 2;
    if (sample > this.#offsetMs || isSetBack) this.#offsetMs = sample;
    return monotonicMs + this.#offsetMs;
  }
}
