import type { AttemptResult } from '../push/result.js';
import type { Delivery } from './delivery.js';

/** Where results end up. */
export interface Finish {
  finish(delivery: Delivery, result: AttemptResult): void;
}

/**
 * One stage on the way from a lane to an endpoint: `start` goes towards the endpoint, `finish` comes back. Both are plain
 * calls, so that a delivery that works passes all stages without a promise or a closure of its own.
 */
export abstract class Stage implements Finish {
  protected inner!: Stage;
  protected outer!: Finish;

  /** Lets a delivery pass towards the endpoint, now or later. */
  abstract start(delivery: Delivery): void;

  /** Takes a result and lets it pass outward. */
  finish(delivery: Delivery, result: AttemptResult): void {
    this.outer.finish(delivery, result);
  }

  /** The delivery waits here, and is not to be attempted any more. */
  cancel(_delivery: Delivery): void {}

  /** Puts stages in their order, the outermost first. Gives the outermost. */
  static chain(outer: Finish, first: Stage, ...rest: Stage[]): Stage {
    let last = first;
    first.outer = outer;
    for (const stage of rest) {
      last.inner = stage;
      stage.outer = last;
      last = stage;
    }
    return first;
  }
}
