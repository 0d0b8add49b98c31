import type { Clock } from '../../shared/clock.js';

/** Attempts to one origin that are waited for at a time. */
const TURNS = 16;
/** An attempt that has not ended by then gives its turn to the next one, and keeps its connection. */
const SLOW_AFTER_MS = 1_000;
/** Attempts that have given up their turn; with more, they keep it. */
const MOST_SLOW = 48;
/** Those whose last attempt failed slowly begin another one only while fewer than this are slow. */
const SLOW_AT_ONCE = 16;

/** Connections to one origin; the agent never queues, because nobody attempts without a turn. */
export const CONNECTIONS_PER_ORIGIN = TURNS + MOST_SLOW;

interface Turn {
  startedMs: number;
  isSlow: boolean;
}

interface Waiting {
  go: (turn: Turn) => void;
}

/**
 * Who may attempt a request to an origin, in order. Several consumers may stand behind one origin, and those that hang
 * must not keep the others waiting: whoever has taken longer than a second is not waited for any more, and whoever has
 * failed so slowly waits for its like, until it has answered again.
 */
export class OriginSlots {
  readonly #clock: Clock;
  /** Whose last attempt failed after more than a second; shared by all origins. */
  readonly #slow: WeakSet<object>;
  /** In the order of their beginning. */
  readonly #brisk = new Set<Turn>();
  #slowRunning = 0;
  readonly #waiting = new Set<Waiting>();
  readonly #waitingSlow = new Set<Waiting>();
  #cancelWake: () => void = () => {};

  constructor(clock: Clock, slow: WeakSet<object>) {
    this.#clock = clock;
    this.#slow = slow;
  }

  /**
   * Waits for a turn and returns how to give it back; undefined when `signal` is aborted before, then there is nothing to
   * give back.
   * @param who the subscription
   */
  async take(
    who: object,
    signal: AbortSignal,
  ): Promise<((how: 'answered' | 'failed' | 'stopped') => void) | undefined> {
    if (signal.aborted) return undefined;
    const queue = this.#slow.has(who) ? this.#waitingSlow : this.#waiting;
    const isFree = queue === this.#waiting && queue.size === 0 && this.#brisk.size < TURNS;
    const turn = isFree ? this.#begin(false) : await this.#turn(queue, signal);
    return turn && ((how) => this.#ended(who, turn, how));
  }

  #turn(queue: Set<Waiting>, signal: AbortSignal): Promise<Turn | undefined> {
    return new Promise((resolve) => {
      const waiting: Waiting = {
        go(given) {
          signal.removeEventListener('abort', leave);
          resolve(given);
        },
      };
      const leave = (): void => {
        queue.delete(waiting);
        resolve(undefined);
      };
      signal.addEventListener('abort', leave, { once: true });
      queue.add(waiting);
      this.#admit();
    });
  }

  #ended(who: object, turn: Turn, how: 'answered' | 'failed' | 'stopped'): void {
    if (turn.isSlow) this.#slowRunning -= 1;
    else this.#brisk.delete(turn);
    if (how === 'failed' && this.#clock.monotonic() - turn.startedMs >= SLOW_AFTER_MS) this.#slow.add(who);
    else if (how !== 'stopped') this.#slow.delete(who);
    if (this.#waiting.size > 0 || this.#waitingSlow.size > 0) this.#admit();
  }

  #admit(): void {
    this.#letSlowOnesGo();
    for (const waiting of this.#waiting) {
      if (this.#brisk.size >= TURNS) break;
      this.#waiting.delete(waiting);
      waiting.go(this.#begin(false));
    }
    for (const waiting of this.#waitingSlow) {
      if (this.#slowRunning >= SLOW_AT_ONCE) break;
      this.#waitingSlow.delete(waiting);
      waiting.go(this.#begin(true));
    }
    this.#wakeWhenOneIsSlow();
  }

  #begin(isSlow: boolean): Turn {
    const turn = { startedMs: this.#clock.monotonic(), isSlow };
    if (isSlow) this.#slowRunning += 1;
    else this.#brisk.add(turn);
    return turn;
  }

  #letSlowOnesGo(): void {
    for (const turn of this.#brisk) {
      const isYoung = this.#clock.monotonic() - turn.startedMs < SLOW_AFTER_MS;
      if (isYoung || this.#slowRunning >= MOST_SLOW) break;
      this.#brisk.delete(turn);
      turn.isSlow = true;
      this.#slowRunning += 1;
    }
  }

  /** Only while somebody waits: at rest, and when all goes well, no timer is needed. */
  #wakeWhenOneIsSlow(): void {
    this.#cancelWake();
    this.#cancelWake = () => {};
    const [oldest] = this.#brisk;
    if (this.#waiting.size === 0 || oldest === undefined || this.#slowRunning >= MOST_SLOW) return;
    this.#cancelWake = this.#clock.wakeAt(oldest.startedMs + SLOW_AFTER_MS, () => this.#admit());
  }
}
