import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { CneMetrics } from './cneMetrics.js';

/** The gateway's own vital signs. */
export const declareMetrics = (registry: Registry) => ({
  cne: new CneMetrics(registry),
  deliveries: new Counter({
    name: 'ptp_gateway_deliveries_total',
    help: 'Deliveries that came to an end, by outcome; retried: delivered, but not with the first attempt.',
    labelNames: ['outcome'] as const,
    registers: [registry],
  }),
  attempts: new Histogram({
    name: 'ptp_gateway_attempt_seconds',
    help: 'Duration of the attempts to post an event, by what became of them.',
    labelNames: ['outcome'] as const,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  }),
  badMessages: new Counter({
    name: 'ptp_gateway_bad_messages_total',
    help: 'Messages on ptp.events.> that were no events and were passed over.',
    registers: [registry],
  }),
  cursorSaves: new Counter({
    name: 'ptp_gateway_cursor_saves_total',
    help: 'Times the cursor was saved.',
    registers: [registry],
  }),
  subscriptions: (count: () => number) =>
    gauge(registry, 'ptp_gateway_subscriptions', 'Subscriptions of this scope.', count),
  openLanes: (count: () => number) =>
    gauge(registry, 'ptp_gateway_open_lanes', 'Subscription and resource pairs with undelivered events.', count),
  detached: (count: () => number) =>
    gauge(registry, 'ptp_gateway_detached_subscriptions', 'Subscriptions that are behind the tail.', count),
  oldestAge: (seconds: () => number) =>
    gauge(registry, 'ptp_gateway_oldest_undelivered_seconds', 'Age of the oldest event that waits in a lane.', seconds),
  tailPosition: (position: () => number) =>
    gauge(registry, 'ptp_gateway_tail_sequence', 'Stream sequence of the last event read from the log.', position),
});

export type GatewayMetrics = ReturnType<typeof declareMetrics>;

/** Filled when scraped. */
const gauge = (registry: Registry, name: string, help: string, value: () => number): Gauge =>
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(value());
    },
  });
