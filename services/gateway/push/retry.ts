import type { Clock } from '../../shared/clock.js';
import type { Delivery } from '../delivery/delivery.js';
import { Stage } from '../delivery/stage.js';
import { backoffMs } from './backoff.js';
import { CANCELLED, type AttemptResult } from './result.js';

interface Options {
  clock: Clock;
  random: () => number;
  /** Longest time from the broker's store to a failed attempt, for events that a newer one supersedes, in ms. */
  maxAgeMs: number;
}

/** Attempts a delivery again after a pause, until it is answered for good, superseded and too old, or cancelled. */
export class Retry extends Stage {
  readonly #options: Options;

  constructor(options: Options) {
    super();
    this.#options = options;
  }

  override start(delivery: Delivery): void {
    delivery.attempt += 1;
    this.inner.start(delivery);
  }

  override finish(delivery: Delivery, result: AttemptResult): void {
    if (result.kind !== 'failed') return this.outer.finish(delivery, result);
    if (this.#isTooOld(delivery)) return this.outer.finish(delivery, { kind: 'expired', reason: result.reason });
    const { clock, random } = this.#options;
    const { attempt, lanes } = delivery;
    lanes.failed(delivery, result.reason);
    const pauseMs = Math.max(backoffMs(attempt, random()), result.afterMs ?? 0);
    delivery.waitsIn = this;
    delivery.cancelRetry = clock.wakeAt(clock.monotonic() + pauseMs, () => {
      delivery.waitsIn = undefined;
      this.start(delivery);
    });
  }

  override cancel(delivery: Delivery): void {
    delivery.waitsIn = undefined;
    delivery.cancelRetry?.();
    this.outer.finish(delivery, CANCELLED);
  }

  /** Age takes only what a newer event supersedes: the newest state stays due. */
  #isTooOld({ logged, lane }: Delivery): boolean {
    if (logged === undefined || !lane.isSuperseded) return false;
    return this.#options.clock.now() - logged.storedAtMs > this.#options.maxAgeMs;
  }
}
