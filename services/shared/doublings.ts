import { systemClock, type Clock } from './clock.js';

/** After so long without it, the next time is the first one again. */
const QUIET_MS = 10 * 60_000;
/** Causes that are told apart; the one that came first makes room. */
const MAX_CAUSES = 64;

/**
 * Says of what happens again and again when it is worth a line in the log: the 1st, 2nd, 4th, 8th … time. What goes wrong for
 * hours must not fill the disk.
 */
export class Doublings {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #causes = new Map<string, { times: number; lastMs: number }>();

  constructor(clock: Pick<Clock, 'monotonic'> = systemClock) {
    this.#clock = clock;
  }

  /**
   * Counts one more, and has it told when it is its turn.
   * @param line gets how many there were
   * @param cause those of different causes are counted apart
   */
  tell(line: (times: number) => void, cause = ''): void {
    const nowMs = this.#clock.monotonic();
    const known = this.#causes.get(cause);
    const one = known !== undefined && nowMs - known.lastMs < QUIET_MS ? known : { times: 0, lastMs: nowMs };
    one.times += 1;
    one.lastMs = nowMs;
    if (one !== known) this.#remember(cause, one);
    if (Number.isInteger(Math.log2(one.times))) line(one.times);
  }

  /** It is over: the next time is the first one again. */
  reset(): void {
    this.#causes.clear();
  }

  #remember(cause: string, one: { times: number; lastMs: number }): void {
    this.#causes.delete(cause);
    this.#causes.set(cause, one);
    const [oldest] = this.#causes.keys();
    if (this.#causes.size > MAX_CAUSES && oldest !== undefined) this.#causes.delete(oldest);
  }
}
