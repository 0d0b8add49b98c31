import type { Clock } from '../../shared/clock.js';
import type { Delivery } from '../delivery/delivery.js';
import { Stage } from '../delivery/stage.js';
import type { EndpointAgent } from '../endpoints/agent.js';
import { signature } from '../endpoints/sign.js';
import type { DeliveryListener, NoAnswer } from '../stages.js';
import type { DataVersion } from '../subscriptions/record.js';
import { bodyOf } from './body.js';
import { Request } from './request.js';
import type { AttemptResult } from './result.js';

interface Options {
  agent: EndpointAgent;
  /** Names in the body, where the subscription does not say. */
  defaultNames: DataVersion;
  clock: Clock;
  /** Told of each attempt. */
  listener: DeliveryListener;
  /** The trace context that the consumer is told; absent: the event's own. */
  traceparentOf?: (delivery: Delivery) => string;
}

/** The innermost stage: one POST to the endpoint. */
export class Post extends Stage {
  readonly #options: Options;

  constructor(options: Options) {
    super();
    this.#options = options;
  }

  override start(delivery: Delivery): void {
    const { agent, clock, defaultNames, listener, traceparentOf } = this.#options;
    const { record } = delivery.lanes;
    const { event, logged, lane, lanes, attempt } = delivery;
    const body = bodyOf(delivery, record.dataVersion ?? defaultNames);
    const missed = lanes.missedIn(lane);
    delivery.missed = missed;
    if (attempt === 1) delivery.firstPostMs = delivery.postMs;
    const headers = [
      'content-type',
      'application/json',
      'ptp-subscription-id',
      record.id,
      'ptp-sequence',
      event.sequence,
      'ptp-attempt',
      String(attempt),
      'traceparent',
      traceparentOf === undefined ? event.traceparent : traceparentOf(delivery),
    ];
    if (logged === undefined) headers.push('ptp-initial', 'true');
    if (missed !== 0) headers.push('ptp-missed-events', String(missed));
    if (record.secret !== undefined) {
      const signed = signature(record.secret, { id: event.id, body: body.toString('utf8') }, clock.now());
      for (const [name, value] of Object.entries(signed)) headers.push(name, value);
    }
    const request = new Request(delivery, this, clock);
    delivery.request = request;
    listener.attempted(delivery);
    const { origin, path } = delivery;
    request.send(agent, { origin: origin?.name ?? '', path, method: 'POST', headers, body });
  }

  /** @param answer a status, or why there is none */
  answered(delivery: Delivery, answer: number | NoAnswer): void {
    delivery.answeredMs = this.#options.clock.monotonic();
    this.#options.listener.answered(delivery, answer);
  }

  override finish(delivery: Delivery, result: AttemptResult): void {
    delivery.request = undefined;
    this.#options.listener.finished(delivery, result);
    this.outer.finish(delivery, result);
  }
}
