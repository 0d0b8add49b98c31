import type { Clock } from '../../shared/clock.js';
import type { DeliveryOutcome } from '../../shared/messages.js';
import type { Item } from '../delivery/lane.js';
import type { LoggedEvent } from '../delivery/log.js';
import type { AttemptWatch } from '../delivery/request.js';
import type { Ending } from '../delivery/work.js';
import type { SubscriptionRecord } from '../subscriptions/record.js';
import type { Receipts } from './receipts.js';
import type { DeliverySpan, DeliverySpans } from './spans.js';

interface Parts {
  clock: Clock;
  receipts: Pick<Receipts, 'read' | 'delivered'>;
  /** Absent: nothing is traced. */
  spans: DeliverySpans | undefined;
}

/** A delivery under way; times are monotonic ms. */
interface Progress {
  attempts: number;
  firstBeganMs: number;
  lastBeganMs: number;
  answeredMs: number;
  span: DeliverySpan | undefined;
}

/**
 * Follows the events from the tail to the end of each delivery: takes the times, tells the collectors, makes the spans.
 * Current states are no deliveries of an event: theirs was told before.
 */
export class Journeys {
  readonly #parts: Parts;
  /** By item: each is one subscription's, from its first attempt to its end. */
  readonly #underWay = new WeakMap<Item, Progress>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The tail has handed an event to the subscriptions that it matches. */
  read(event: LoggedEvent, matches: number): void {
    if (event.received !== undefined) this.#parts.receipts.read(event, event.received, matches);
  }

  /** The n-th attempt is made as soon as its turn has come. */
  attempt(record: SubscriptionRecord, item: Item, n: number): AttemptWatch {
    return {
      began: () => this.#began(record, item, n),
      ended: (answer) => this.#answered(item, answer),
    };
  }

  /** A delivery has come to its end. */
  ended(record: SubscriptionRecord, item: Item, end: Ending): void {
    const progress = this.#underWay.get(item);
    const { logged } = item;
    if (logged === undefined || progress === undefined) return;
    this.#underWay.delete(item);
    const { attempts, firstBeganMs, lastBeganMs, answeredMs, span } = progress;
    const outcome = outcomeOf(end);
    this.#parts.receipts.delivered(logged, {
      subscription: record.id,
      outcome,
      attempts,
      ...(logged.received && { queueMs: firstBeganMs - logged.received.ms }),
      retryMs: lastBeganMs - firstBeganMs,
      postMs: answeredMs - lastBeganMs,
    });
    span?.end(outcome, attempts, this.#parts.clock.monotonic());
  }

  #began(record: SubscriptionRecord, item: Item, n: number): string {
    const { event, logged } = item;
    if (logged === undefined) return event.traceparent;
    const { clock, spans } = this.#parts;
    const nowMs = clock.monotonic();
    let progress = this.#underWay.get(item);
    if (progress === undefined) {
      const span = spans?.begin(record, logged);
      progress = { attempts: n, firstBeganMs: nowMs, lastBeganMs: nowMs, answeredMs: nowMs, span };
      this.#underWay.set(item, progress);
    }
    progress.attempts = n;
    progress.lastBeganMs = nowMs;
    return progress.span?.beginPost(n, nowMs) ?? event.traceparent;
  }

  #answered(item: Item, answer: Parameters<AttemptWatch['ended']>[0]): void {
    const progress = this.#underWay.get(item);
    if (progress === undefined) return;
    progress.answeredMs = this.#parts.clock.monotonic();
    progress.span?.endPost(answer, progress.answeredMs);
    if (answer === 'stopped' || answer === 410) {
      progress.span?.abandon(progress.answeredMs);
      this.#underWay.delete(item);
    }
  }
}

/** The word for it in receipts, spans and metrics. */
export function outcomeOf(end: Ending): DeliveryOutcome {
  if (end.kind !== 'delivered') return end.kind;
  return end.attempts > 1 ? 'retried' : 'delivered';
}
