import type { Clock } from '../../shared/clock.js';
import type { DeliveryOutcome } from '../../shared/messages.js';
import type { Delivery } from '../delivery/delivery.js';
import type { LoggedEvent } from '../delivery/log.js';
import type { AttemptResult } from '../push/result.js';
import type { DeliveryListener, NoAnswer } from '../stages.js';
import type { Receipts } from './receipts.js';
import type { DeliverySpans } from './spans.js';

interface Parts {
  clock: Clock;
  receipts: Pick<Receipts, 'read' | 'delivered'>;
  /** Absent: nothing is traced. */
  spans: DeliverySpans | undefined;
}

/**
 * Follows the events from the tail to the end of each delivery: tells the collectors how long it took, makes the spans.
 * Current states are no deliveries of an event: theirs was told before.
 */
export class Timing implements DeliveryListener {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  matched(event: LoggedEvent, matches: number): void {
    if (event.received !== undefined) this.#parts.receipts.read(event, event.received, matches);
  }

  attempted(_delivery: Delivery): void {}

  /** The trace context that the consumer is told of this attempt. */
  readonly traceparentOf = (delivery: Delivery): string => {
    const { event, logged, attempt, postMs, lanes } = delivery;
    const { spans } = this.#parts;
    if (logged === undefined || spans === undefined) return event.traceparent;
    if (attempt === 1) delivery.span = spans.begin(lanes.record, logged);
    return delivery.span?.beginPost(attempt, postMs) ?? event.traceparent;
  };

  answered({ span, answeredMs }: Delivery, answer: number | NoAnswer): void {
    span?.endPost(answer, answeredMs);
  }

  finished(delivery: Delivery, { kind }: AttemptResult): void {
    if (kind === 'cancelled' || kind === 'gone') delivery.span?.abandon(delivery.answeredMs);
  }

  settled({ lanes, logged, attempt, firstPostMs, postMs, answeredMs, span }: Delivery, outcome: DeliveryOutcome): void {
    if (logged === undefined) return;
    this.#parts.receipts.delivered(logged, {
      subscription: lanes.record.id,
      outcome,
      attempts: attempt,
      ...(logged.received && { queueMs: firstPostMs - logged.received.ms }),
      retryMs: postMs - firstPostMs,
      postMs: answeredMs - postMs,
    });
    span?.end(outcome, attempt, this.#parts.clock.monotonic());
  }
}
