import { pino } from 'pino';
import { Delivery } from '../../services/gateway/delivery/delivery.js';
import { Lane } from '../../services/gateway/delivery/lane.js';
import type { LaneSet } from '../../services/gateway/delivery/laneSet.js';
import type { LoggedEvent } from '../../services/gateway/delivery/log.js';
import { Stage } from '../../services/gateway/delivery/stage.js';
import { Circuit } from '../../services/gateway/push/circuitBreaker.js';
import type { AttemptResult } from '../../services/gateway/push/result.js';
import type { SubscriptionRecord } from '../../services/gateway/subscriptions/record.js';
import type { PtpEvent } from '../../services/shared/event.js';

/** The lanes of a subscription of which a test uses only what the stages ask. */
export class PlayedLanes {
  record: SubscriptionRecord;
  readonly circuit = new Circuit();
  readonly log = pino({ level: 'silent' });
  isStopping = false;
  recoveries = 0;
  /** What came back, in order. */
  readonly results: { delivery: Delivery; result: AttemptResult }[] = [];
  #next = 1;

  constructor(record: Partial<SubscriptionRecord> = {}) {
    this.record = { id: 's1', endpointUri: 'http://consumer/event', ...record } as SubscriptionRecord;
  }

  /** A delivery in a lane of its own. */
  delivery(event = { id: `e${this.#next}`, sequence: String(this.#next) } as PtpEvent, logged?: LoggedEvent): Delivery {
    const lane = new Lane(`subject-${(this.#next += 1)}`, 0);
    return new Delivery(this as unknown as LaneSet, lane, event, logged);
  }

  missedIn(): number {
    return 0;
  }

  park(): void {}

  recovered(): void {
    this.recoveries += 1;
  }

  finished(delivery: Delivery, result: AttemptResult): void {
    this.results.push({ delivery, result });
  }
}

/** The innermost stage of a chain: deliveries wait there until the test says what they come to. */
export class PlayedEndpoint extends Stage {
  readonly attempts: Delivery[] = [];

  override start(delivery: Delivery): void {
    this.attempts.push(delivery);
  }

  /** What a delivery that has been started comes to. */
  answer(delivery: Delivery, result: AttemptResult): void {
    this.attempts.splice(this.attempts.indexOf(delivery), 1);
    this.finish(delivery, result);
  }
}

/** Results go back to the lanes that they are of. */
export const backToLanes = {
  finish: (delivery: Delivery, result: AttemptResult): void => delivery.lanes.finished(delivery, result),
};
