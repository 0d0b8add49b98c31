import type { Clock, FineClock } from '../../shared/clock.js';
import { isSampled, type Attributes, type Span, type Tracing } from '../../shared/tracing.js';
import type { DeliveryOutcome } from '../../shared/messages.js';
import type { LoggedEvent } from '../delivery/log.js';
import type { SubscriptionRecord } from '../subscriptions/record.js';

/** Deliveries that are followed at the same time; consumers that are down would have ever more of them. */
const MAX_OPEN = 1_024;

/** Makes the spans of deliveries, as observability/README.md describes them. */
export class DeliverySpans {
  readonly #tracing: Tracing;
  readonly #clock: Clock;
  readonly #wall: FineClock;
  /** Oldest first. */
  readonly #open = new Set<DeliverySpan>();

  constructor(tracing: Tracing, { clock, wall }: { clock: Clock; wall: FineClock }) {
    this.#tracing = tracing;
    this.#clock = clock;
    this.#wall = wall;
  }

  /**
   * A delivery is about to be attempted for the first time; undefined when it is not traced: its collector did not
   * sample it, or enough others are.
   */
  begin(record: SubscriptionRecord, logged: LoggedEvent): DeliverySpan | undefined {
    const { traceparent: parent, event, received } = logged;
    if (parent === undefined || !isSampled(parent) || !this.#tracing.sample()) return undefined;
    const nowMs = this.#clock.monotonic();
    // Read once: the spans of a delivery fit together also when the wall clock is set meanwhile.
    const wallMinusMonotonicMs = this.#wall.now() - nowMs;
    const template = templateOf(logged.subject);
    const span = this.#tracing.child(parent, {
      name: `process ${template}`,
      kind: 'consumer',
      startMs: wallMinusMonotonicMs + (received?.ms ?? nowMs),
      attributes: {
        'messaging.system': 'nats',
        'messaging.operation.name': 'process',
        'messaging.operation.type': 'process',
        'messaging.destination.name': logged.subject,
        'messaging.destination.template': template,
        'messaging.message.id': event.id,
        'cloudevents.event_id': event.id,
        'cloudevents.event_type': event.type,
        'cloudevents.event_source': event.source,
        'ptp.node': logged.node,
        'ptp.resource': logged.path,
        'ptp.subscription.id': record.id,
      },
      links: [event.traceparent],
    });
    if (span === undefined) return undefined;
    const [oldest] = this.#open;
    if (oldest !== undefined && this.#open.size >= MAX_OPEN) oldest.abandon(nowMs);
    const delivery: DeliverySpan = new DeliverySpan({
      tracing: this.#tracing,
      span,
      record,
      wallMinusMonotonicMs,
      onEnd: () => this.#open.delete(delivery),
    });
    this.#open.add(delivery);
    return delivery;
  }

  /** The deliveries under way will not be followed to their end. */
  stop(): void {
    for (const delivery of this.#open) delivery.abandon(this.#clock.monotonic());
  }
}

interface DeliveryParts {
  tracing: Tracing;
  /** `process`. */
  span: Span;
  record: SubscriptionRecord;
  wallMinusMonotonicMs: number;
  onEnd: () => void;
}

/** The spans of one delivery: `process` over all, a `POST` per attempt. All times are monotonic ms. */
export class DeliverySpan {
  readonly #tracing: Tracing;
  /** Undefined when it has ended. */
  #process: Span | undefined;
  readonly #wallMinusMonotonicMs: number;
  readonly #onEnd: () => void;
  /** Of every attempt. */
  readonly #attributes: Attributes;
  #post: Span | undefined;

  constructor({ tracing, span, record, wallMinusMonotonicMs, onEnd }: DeliveryParts) {
    const { hostname, port, protocol } = new URL(record.endpointUri);
    this.#tracing = tracing;
    this.#process = span;
    this.#wallMinusMonotonicMs = wallMinusMonotonicMs;
    this.#onEnd = onEnd;
    this.#attributes = {
      'http.request.method': 'POST',
      'server.address': hostname,
      'server.port': Number(port || (protocol === 'https:' ? 443 : 80)),
      'ptp.subscription.id': record.id,
    };
  }

  /** An attempt begins; gives the context that the consumer is told, undefined when it is not followed any more. */
  beginPost(n: number, nowMs: number): string | undefined {
    if (this.#process === undefined) return undefined;
    this.#post = this.#tracing.child(this.#process.traceparent, {
      name: 'POST',
      kind: 'client',
      startMs: this.#wallMinusMonotonicMs + nowMs,
      attributes: { ...this.#attributes, ...(n > 1 && { 'http.request.resend_count': n - 1 }) },
    });
    return this.#post?.traceparent;
  }

  /** @param answer a status, or why there is none */
  endPost(answer: number | string, nowMs: number): void {
    const isDelivered = typeof answer === 'number' && answer >= 200 && answer < 300;
    if (typeof answer === 'number') this.#post?.set({ 'http.response.status_code': answer });
    if (!isDelivered) this.#post?.set({ 'error.type': String(answer) });
    this.#post?.end(this.#wallMinusMonotonicMs + nowMs, isDelivered ? undefined : failureOf(answer));
    this.#post = undefined;
  }

  end(outcome: DeliveryOutcome, attempts: number, nowMs: number): void {
    this.#process?.set({ 'ptp.delivery.outcome': outcome, 'ptp.delivery.attempts': attempts });
    const isDelivered = outcome === 'delivered' || outcome === 'retried';
    this.#end(nowMs, isDelivered ? undefined : outcome);
  }

  /** It has not come to its end, and is not followed any more. */
  abandon(nowMs: number): void {
    this.#end(nowMs, 'not followed to its end');
  }

  #end(nowMs: number, failure: string | undefined): void {
    this.#process?.end(this.#wallMinusMonotonicMs + nowMs, failure);
    this.#process = undefined;
    this.#onEnd();
  }
}

const failureOf = (answer: number | string): string =>
  typeof answer === 'number' ? `answered ${answer}` : `no answer: ${answer}`;

/** The subject with `{node}` for the node: few, however many nodes there are. */
function templateOf(subject: string): string {
  const [first, second, , ...rest] = subject.split('.');
  return [first, second, '{node}', ...rest].join('.');
}
