import type { Clock } from '../../shared/clock.js';
import type { Delivery } from '../delivery/delivery.js';
import { Stage } from '../delivery/stage.js';
import type { AttemptResult } from './result.js';

/** The same time limit for all attempts: one timer, set to the oldest. */
export class TimeLimit extends Stage {
  readonly #ms: number;
  readonly #clock: Pick<Clock, 'monotonic' | 'wakeAt'>;
  /** Oldest first. */
  readonly #inFlight = new Set<Delivery>();
  #cancelWake: (() => void) | undefined;

  constructor(ms: number, clock: Pick<Clock, 'monotonic' | 'wakeAt'>) {
    super();
    this.#ms = ms;
    this.#clock = clock;
  }

  override start(delivery: Delivery): void {
    this.#inFlight.add(delivery);
    this.#wake();
    this.inner.start(delivery);
  }

  override finish(delivery: Delivery, result: AttemptResult): void {
    this.#inFlight.delete(delivery);
    this.outer.finish(delivery, result);
  }

  /** Nothing is limited any more. */
  close(): void {
    this.#cancelWake?.();
    this.#inFlight.clear();
  }

  // The alarm stays when the attempt that it was set for ends in time: to cancel and set one for each would cost more.
  #wake(): void {
    if (this.#cancelWake !== undefined) return;
    const [oldest] = this.#inFlight;
    if (oldest === undefined) return;
    this.#cancelWake = this.#clock.wakeAt(oldest.postMs + this.#ms, () => {
      this.#cancelWake = undefined;
      this.#endOverdue();
      this.#wake();
    });
  }

  #endOverdue(): void {
    const nowMs = this.#clock.monotonic();
    for (const delivery of this.#inFlight) {
      if (delivery.postMs + this.#ms > nowMs) return;
      this.#inFlight.delete(delivery);
      delivery.request?.timeOut(this.#ms);
    }
  }
}
