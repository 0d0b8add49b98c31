import type { Clock } from '../../shared/clock.js';
import type { DeliveryOutcome } from '../../shared/messages.js';
import type { Delivery } from '../delivery/delivery.js';
import type { LoggedEvent } from '../delivery/log.js';
import type { GatewayMetrics } from '../metrics.js';
import type { AttemptResult } from '../push/result.js';
import type { DeliveryListener } from '../stages.js';

/** Counts events, attempts and deliveries. */
export class DeliveryMetrics implements DeliveryListener {
  readonly #metrics: GatewayMetrics;
  readonly #clock: Clock;

  constructor(metrics: GatewayMetrics, clock: Clock) {
    this.#metrics = metrics;
    this.#clock = clock;
  }

  matched({ event }: LoggedEvent): void {
    this.#metrics.cne.read(event.source);
  }

  attempted(): void {}

  answered(): void {}

  finished({ event, postMs, answeredMs }: Delivery, result: AttemptResult): void {
    this.#metrics.attempts.observe((answeredMs - postMs) / 1_000, result.kind);
    this.#metrics.cne.attempted(event.source, result);
  }

  settled({ event, logged, missed }: Delivery, outcome: DeliveryOutcome): void {
    const { cne, deliveries, deliverySeconds, missed: missedEvents } = this.#metrics;
    cne.settled(event.source, outcome);
    deliveries.inc(outcome);
    if (outcome !== 'delivered' && outcome !== 'retried') return;
    if (logged) deliverySeconds.observe(Math.max(0, this.#clock.now() - logged.storedAtMs) / 1_000);
    if (typeof missed === 'number' && missed > 0) missedEvents.inc(missed);
  }
}
