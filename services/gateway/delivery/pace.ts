import type { Clock } from '../../shared/clock.js';
import { backoffMs } from './backoff.js';

/** Attempts that one subscription may have running: half of the connections to its origin, which others may share. */
const RUNNING_LIMIT = 8;
/** Failures without a success in between after which it is the endpoint that fails, and not an event. */
const FAILURES = 3;

/**
 * The pace at which one endpoint is called. While it works, a few attempts run side by side. When attempt after attempt
 * fails, one at a time is made, after a pause that grows; lanes take turns, so that one event which the endpoint cannot
 * take does not pass for an endpoint that is down. The first success ends that.
 */
export class Pace {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #onRecovered: () => void;
  #running = 0;
  #failures = 0;
  #pausedUntilMs = 0;
  #cancelWake: (() => void) | undefined;
  readonly #signal: AbortSignal;
  readonly #waiting = new Set<(isGiven: boolean) => void>();

  /** @param signal stops it: nobody gets a turn any more */
  constructor(clock: Clock, random: () => number, signal: AbortSignal, onRecovered: () => void) {
    this.#clock = clock;
    this.#random = random;
    this.#signal = signal;
    this.#onRecovered = onRecovered;
    // One listener for all who wait: a thousand of them would be searched one by one.
    signal.addEventListener('abort', () => this.#letGo(), { once: true });
  }

  get isFailing(): boolean {
    return this.#failures >= FAILURES;
  }

  /** Nothing runs, waits or pauses, and the last attempts worked: another one would begin with the same pace. */
  get isCalm(): boolean {
    return this.#running === 0 && this.#failures === 0 && this.#clock.monotonic() >= this.#pausedUntilMs;
  }

  /** Takes the turn to make an attempt when nobody has to wait for one. */
  takeTurn(): boolean {
    if (this.#signal.aborted || this.#waiting.size > 0 || !this.#isOpen()) return false;
    this.#running += 1;
    return true;
  }

  /** Waits for the turn to make an attempt; false when the pace was stopped before. */
  turn(): Promise<boolean> {
    if (this.#signal.aborted) return Promise.resolve(false);
    if (this.takeTurn()) return Promise.resolve(true);
    return new Promise((resolve) => {
      this.#waiting.add(resolve);
      this.#admit();
    });
  }

  succeeded(): void {
    const wasFailing = this.isFailing;
    this.#failures = 0;
    this.#pausedUntilMs = 0;
    this.#ended();
    if (wasFailing) this.#onRecovered();
  }

  /** @param afterMs what the endpoint asked for (`Retry-After`): all of it pauses */
  failed(afterMs: number | undefined): void {
    this.#failures += 1;
    const pauseMs = this.isFailing ? backoffMs(this.#failures - FAILURES + 1, this.#random()) : 0;
    const untilMs = this.#clock.monotonic() + Math.max(pauseMs, afterMs ?? 0);
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, untilMs);
    this.#ended();
  }

  /** An attempt that says nothing about the endpoint: it was refused, or ended by us. */
  finished(): void {
    this.#ended();
  }

  #ended(): void {
    this.#running -= 1;
    this.#admit();
  }

  #letGo(): void {
    for (const go of this.#waiting) go(false);
    this.#waiting.clear();
    this.#cancelWake?.();
  }

  #isOpen(): boolean {
    return this.#running < (this.isFailing ? 1 : RUNNING_LIMIT) && this.#clock.monotonic() >= this.#pausedUntilMs;
  }

  #admit(): void {
    for (const go of this.#waiting) {
      if (!this.#isOpen()) break;
      this.#waiting.delete(go);
      this.#running += 1;
      go(true);
    }
    this.#cancelWake?.();
    this.#cancelWake = undefined;
    const isPaused = this.#clock.monotonic() < this.#pausedUntilMs;
    if (this.#waiting.size > 0 && isPaused)
      this.#cancelWake = this.#clock.wakeAt(this.#pausedUntilMs, () => this.#admit());
  }
}
