import { deliveriesOf, totalMs } from './journey.js';
import type { Span } from './span.js';

/** Why a trace is worth keeping, most telling first. */
export const INTERESTS = ['failed', 'retried', 'slow', 'suspect', 'not_locked'] as const;
export type Interest = (typeof INTERESTS)[number];

/** What is read off a trace, again whenever a span joins it. */
export interface Verdict {
  interests: Interest[];
  totalMs: number;
}

/** What is remarkable about the spans of a trace. */
export function verdictOn(spans: readonly Span[], slowMs: number): Verdict {
  const deliveries = deliveriesOf(spans);
  const total = totalMs(spans, deliveries);
  const is: Record<Interest, boolean> = {
    failed: spans.some(hasFailed),
    retried: spans.some(isRetry) || deliveries.some(({ attempts }) => attempts > 1),
    slow: total >= slowMs,
    suspect: deliveries.some(({ hops }) => hops.some(({ quality }) => quality === 'suspect')),
    not_locked: spans.some(({ attributes }) => NOT_LOCKED.includes(attributes.get('ptp.state'))),
  };
  return { interests: INTERESTS.filter((interest) => is[interest]), totalMs: total };
}

const NOT_LOCKED: readonly unknown[] = ['FREERUN', 'HOLDOVER'];
const FAILURES: readonly unknown[] = ['dead_letter', 'too_old'];

const hasFailed = ({ status, attributes }: Span): boolean =>
  status === 'error' || FAILURES.includes(attributes.get('ptp.delivery.outcome'));

const isRetry = ({ attributes }: Span): boolean =>
  attributes.get('ptp.delivery.outcome') === 'retried' || (attributes.number('http.request.resend_count') ?? 0) > 0;

/** Whether a trace is of the sample; the same for all who ask, by the random part of its id (W3C Trace Context). */
export const isSampled = (traceId: string, ratio: number): boolean =>
  Number.parseInt(traceId.slice(-8), 16) < ratio * 2 ** 32;

/** So many a second, counted over `overSeconds`. */
export class Rate {
  readonly #perMs: number;
  readonly #most: number;
  #left: number;
  #filledMs = -Infinity;

  constructor(perSecond: number, overSeconds: number) {
    this.#perMs = perSecond / 1_000;
    this.#most = perSecond * overSeconds;
    this.#left = this.#most;
  }

  take(nowMs: number): boolean {
    this.#left = Math.min(this.#most, this.#left + Math.max(0, nowMs - this.#filledMs) * this.#perMs);
    this.#filledMs = nowMs;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
