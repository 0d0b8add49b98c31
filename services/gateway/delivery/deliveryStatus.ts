import type { Clock } from '../../shared/clock.js';
import { Doublings } from '../../shared/doublings.js';

/** The last failure of a subscription. Times are ms since 1970. */
export interface DeliveryError {
  /** `answered 503`, `connection refused` … */
  reason: string;
  atMs: number;
  /** When the first failure was that no success came after. */
  sinceMs: number;
  /** Failures from then on. */
  times: number;
}

/**
 * What came of the deliveries of one subscription, since the gateway started. A success writes two plain fields; the rest is
 * made when something fails.
 */
export class DeliveryStatus {
  /** ms since 1970; undefined: none yet. */
  lastSuccessMs: number | undefined;
  lastError: DeliveryError | undefined;
  /** Whether nothing has succeeded since the last failure. */
  isFailing = false;
  /** Events that the consumer refused for good, and those given up because they were too old. */
  deadLetters = 0;
  tooOld = 0;
  #lines: Doublings | undefined;

  succeeded(nowMs: number): void {
    this.lastSuccessMs = nowMs;
    this.isFailing = false;
  }

  /** An attempt has failed, and is made again. */
  failed(reason: string, nowMs: number): void {
    this.#goneWrong(reason, nowMs);
    this.isFailing = true;
  }

  /** The consumer answers, but will never take this event. */
  refused(reason: string, nowMs: number): void {
    this.deadLetters += 1;
    this.#goneWrong(reason, nowMs);
  }

  #goneWrong(reason: string, nowMs: number): void {
    const { lastError: last, lastSuccessMs } = this;
    const series = last && (lastSuccessMs === undefined || lastSuccessMs <= last.sinceMs) ? last : undefined;
    this.lastError = { reason, atMs: nowMs, sinceMs: series?.sinceMs ?? nowMs, times: (series?.times ?? 0) + 1 };
  }

  /** Has a line told at each doubling: a consumer that is down for hours must not fill the disk. */
  tell(
    what: 'not delivered' | 'recovered' | 'dead letter' | 'too old',
    clock: Clock,
    line: (times: number) => void,
  ): void {
    this.#lines ??= new Doublings(clock);
    this.#lines.tell(line, what);
  }
}

/** How a subscription does. */
export type DeliveryState =
  | 'disabled'
  /** An event has failed and is tried again. */
  | 'retrying'
  /** Events wait, though nothing fails: an event has for 10 s, or the subscription catches up from the log. */
  | 'behind'
  | 'delivering';

/** What waits for a subscription. */
export interface Backlog {
  /** Events that are not delivered, as far as they are in memory. */
  events: number;
  /** There are more, in the log. */
  orMore: boolean;
  /** When the oldest of them was stored, ms since 1970; undefined: none waits, or it is not known. */
  oldestStoredAtMs: number | undefined;
}
