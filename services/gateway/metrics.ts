import { Counter, Gauge, type Registry } from 'prom-client';
import { DELIVERY_OUTCOMES } from '../shared/messages.js';
import { PlainCounter, PlainHistogram } from '../shared/plainMetrics.js';
import { gaugeOf } from '../shared/instruments.js';
import { CneMetrics } from './cneMetrics.js';
import { troubleByOrigin, type OriginTrouble } from './originTrouble.js';
import { loadByOrigin, type OriginLoad } from './originLoad.js';
import type { Engine } from './delivery/engine.js';
import type { Subscriber } from './delivery/subscriber.js';

/** Origins that have series of their own; which ones is found anew at each scrape. */
const BUSIEST_ORIGINS = 10;

/** Seconds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** The gateway's own vital signs. */
export const declareMetrics = (registry: Registry) => ({
  cne: new CneMetrics(registry),
  deliveries: new PlainCounter(
    registry,
    'ptp_gateway_deliveries_total',
    'Deliveries that came to an end, by outcome (delivered, retried: not with the first attempt, dead_letter, too_old).',
    'outcome',
    DELIVERY_OUTCOMES,
  ),
  attempts: new PlainHistogram(
    registry,
    'ptp_gateway_attempt_seconds',
    'Duration of the attempts to post an event, by what became of them.',
    BUCKETS,
    'outcome',
  ),
  badMessages: new Counter({
    name: 'ptp_gateway_bad_messages_total',
    help: 'Messages on ptp.events.> that were no events and were passed over.',
    registers: [registry],
  }),
  unreadable: new Counter({
    name: 'ptp_gateway_unreadable_total',
    help: 'What was read back from the bus and passed over, by what it should have been; past event: one that was stored again.',
    labelNames: ['what'] as const,
    registers: [registry],
  }),
  connectionsOpened: new Counter({
    name: 'ptp_gateway_connections_opened_total',
    help: 'Connections to endpoints that were opened; not those for checks of callers without a token.',
    registers: [registry],
  }),
  connectionsReused: new Counter({
    name: 'ptp_gateway_connections_reused_total',
    help: 'Requests to endpoints, events and checks, that took a connection which was open already.',
    registers: [registry],
  }),
  unanswered: new Counter({
    name: 'ptp_gateway_requests_unanswered_total',
    help: 'Requests to endpoints, events and checks, without an answer that can be read, by why; malformed: it is no HTTP. Without checks of callers without a token.',
    labelNames: ['why'] as const,
    registers: [registry],
  }),
  cursorSaves: new Counter({
    name: 'ptp_gateway_cursor_saves_total',
    help: 'Times the cursor was saved.',
    registers: [registry],
  }),
  coarseCursors: new Counter({
    name: 'ptp_gateway_cursor_coarse_total',
    help: 'Subscriptions whose open lanes did not fit into a saved cursor: a restart then would repeat some of their events.',
    registers: [registry],
  }),
  deliverySeconds: new PlainHistogram(
    registry,
    'ptp_gateway_delivery_seconds',
    'From the broker having stored an event until the consumer has acknowledged it; clocks of two hosts.',
    BUCKETS,
  ),
  receipts: new Counter({
    name: 'ptp_gateway_receipts_total',
    help: 'Receipts for collectors: sent; sampled: another one sent stood for it; dropped: broker away, not allowed, or too many.',
    labelNames: ['outcome'] as const,
    registers: [registry],
  }),
  canaries: new Counter({
    name: 'ptp_gateway_canary_deliveries_total',
    help: 'Deliveries of canaries to the own sink that came to an end, by outcome; malformed: it was none.',
    labelNames: ['outcome'] as const,
    registers: [registry],
  }),
  missed: new Counter({
    name: 'ptp_gateway_missed_events_total',
    help: 'Events that consumers were told they have missed: too old and superseded, or lost to the retention of the log.',
    registers: [registry],
  }),
  /** Gauges that are filled when scraped. */
  watch: (engine: Engine, subscriptions: () => number, now: () => number): void =>
    watch(registry, engine, subscriptions, now),
});

export type GatewayMetrics = ReturnType<typeof declareMetrics>;

function watch(
  registry: Registry,
  { subscribers, tail }: Engine,
  subscriptions: () => number,
  now: () => number,
): void {
  const gauge = (name: string, help: string, value: () => number): Gauge => gaugeOf(registry, name, help, value);
  const sum = (count: (one: Subscriber) => number): number =>
    Array.from(subscribers.all(), count).reduce((a, b) => a + b, 0);

  gauge('ptp_gateway_subscriptions', 'Subscriptions of this scope.', subscriptions);
  gauge('ptp_gateway_open_lanes', 'Subscription and resource pairs with undelivered events.', () =>
    sum((subscriber) => subscriber.openLanes),
  );
  gauge('ptp_gateway_held_events', 'Events that lanes hold in memory.', () => sum((subscriber) => subscriber.held));
  gauge('ptp_gateway_detached_subscriptions', 'Subscriptions that are behind the tail.', () =>
    sum((subscriber) => (subscriber.isAttached ? 0 : 1)),
  );
  gauge(
    'ptp_gateway_oldest_undelivered_seconds',
    'Age of the oldest event that waits in a lane.',
    () => subscribers.backlog().oldestUndeliveredSeconds,
  );
  gauge('ptp_gateway_tail_sequence', 'Stream sequence of the last event read from the log.', () => tail.position);

  const byState = new Gauge({
    name: 'ptp_gateway_subscriptions_by_state',
    help: 'Subscriptions by how they do: delivering; retrying: an event has failed and is tried again; behind: an event has waited for 10 s, or it catches up from the log; disabled: its endpoint answered 410.',
    labelNames: ['state'],
    collect() {
      for (const [state, count] of Object.entries(subscribers.states())) this.set({ state }, count);
    },
    registers: [],
  });
  registry.registerMetric(byState);

  const byOrigin = (name: string, help: string, value: (load: OriginLoad) => number): Gauge =>
    new Gauge({
      name,
      help: `${help}, of the ${BUSIEST_ORIGINS} busiest origins; all the rest together is other.`,
      labelNames: ['origin'],
      registers: [registry],
      collect() {
        this.reset();
        for (const load of loadByOrigin(subscribers.all(), BUSIEST_ORIGINS)) {
          this.set({ origin: load.origin }, value(load));
        }
      },
    });
  byOrigin('ptp_gateway_origin_open_lanes', 'Lanes with undelivered events', ({ openLanes }) => openLanes);
  byOrigin('ptp_gateway_origin_held_events', 'Events that lanes hold in memory', ({ held }) => held);

  const ofTrouble = (name: string, help: string, value: (trouble: OriginTrouble) => number): Gauge =>
    new Gauge({
      name,
      help: `${help}, of the ${BUSIEST_ORIGINS} origins with most of them; all the rest together is other.`,
      labelNames: ['origin'],
      registers: [registry],
      collect() {
        this.reset();
        for (const trouble of troubleByOrigin(subscribers.all(), now(), BUSIEST_ORIGINS)) {
          this.set({ origin: trouble.origin }, value(trouble));
        }
      },
    });
  ofTrouble(
    'ptp_gateway_origin_retrying_subscriptions',
    'Subscriptions with an event that has failed and is tried again',
    ({ retrying }) => retrying,
  );
  ofTrouble(
    'ptp_gateway_origin_failing_seconds',
    'For how long no delivery of a retrying subscription has succeeded, the longest',
    ({ failingSeconds }) => failingSeconds,
  );
  ofTrouble(
    'ptp_gateway_origin_oldest_undelivered_seconds',
    'Age of the oldest event that waits for a retrying subscription',
    ({ oldestSeconds }) => oldestSeconds,
  );
}
