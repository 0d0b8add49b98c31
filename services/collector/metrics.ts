import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { bus } from '../shared/contract/bus.js';
import { fromZero, gaugeOf } from '../shared/instruments.js';
import type { Loops } from './latency/loops.js';
import type { LineCounts } from './lineCounts.js';
import type { Instant } from './state/clock.js';
import { PUBLISH_FAILURES } from './publish.js';
import type { NodeClocks } from './state/nodeClocks.js';
import { clocksOf } from './state/view.js';
import { doubtAbout } from './state/vouch.js';
import type { StateSample } from './stateTimes.js';

/** What the outbox is up to; asked at each scrape. */
export interface OutboxFigures {
  depth: () => number;
  oldestSeconds: () => number;
  limit: number;
}

export interface VouchSample {
  config: string;
  process: string;
  clock: string;
  isVouchedFor: boolean;
}

/** The collector's own vital signs. Every label value comes from a small closed set. */
export const declareMetrics = (registry: Registry) => ({
  /** What is read when scraped. */
  watchLines: (counts: LineCounts) =>
    new Counter({
      name: 'ptp_collector_lines_total',
      help: 'Messages read, nearly always one a line, by process and outcome (used, ignored, malformed, unknown_config, too_long).',
      labelNames: ['process', 'outcome'],
      registers: [registry],
      collect() {
        this.reset();
        for (const { process, outcome, lines } of counts.samples()) this.inc({ process, outcome }, lines);
      },
    }),
  connections: new Gauge({
    name: 'ptp_collector_connections',
    help: 'Open connections on the event socket.',
    registers: [registry],
  }),
  events: new Counter({
    name: 'ptp_collector_events_total',
    help: 'Events made, by resource (path, as in every series).',
    labelNames: ['resource'] as const,
    registers: [registry],
  }),
  watchStates: (samples: () => StateSample[]) => {
    const labelNames = ['resource', 'config', 'process', 'clock', 'state'];
    void new Counter({
      name: 'ptp_collector_state_transitions_total',
      help: 'How often a clock entered a state, since the collector started.',
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        for (const { labels, transitions } of samples()) this.inc(named(labels), transitions);
      },
    });
    void new Counter({
      name: 'ptp_collector_state_seconds_total',
      help: 'Time that a clock spent in a state, since the collector started.',
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        for (const { labels, seconds } of samples()) this.inc(named(labels), seconds);
      },
    });
  },
  watchVouching: (clocks: () => VouchSample[]) =>
    new Gauge({
      name: 'ptp_collector_clock_vouched_for',
      help: 'Whether the state of a clock is vouched for: 0 before its first line, and while one that is LOCKED or in HOLDOVER by a line is silent.',
      labelNames: ['config', 'process', 'clock'],
      registers: [registry],
      collect() {
        this.reset();
        for (const { config, process, clock, isVouchedFor } of clocks()) {
          this.set({ config, process, clock }, Number(isVouchedFor));
        }
      },
    }),
  watchOutbox: ({ depth, oldestSeconds, limit }: OutboxFigures) => {
    gaugeOf(registry, 'ptp_collector_outbox_events', 'Events that wait for the bus.', depth);
    gaugeOf(
      registry,
      'ptp_collector_outbox_limit_events',
      'Events that may wait for the bus (OUTBOX_SIZE).',
      () => limit,
    );
    gaugeOf(
      registry,
      'ptp_collector_outbox_oldest_seconds',
      'How long ago the line was read of the event that waits longest for the bus; 0: none waits.',
      oldestSeconds,
    );
  },
  dropped: fromZero(
    new Counter({
      name: 'ptp_collector_events_dropped_total',
      help: 'Events that will never be on the bus: superseded while the outbox was full, or refused by the broker.',
      labelNames: ['reason'] as const,
      registers: [registry],
    }),
    'reason',
    ['superseded', 'refused'],
  ),
  publishFailures: fromZero(
    new Counter({
      name: 'ptp_collector_publish_failures_total',
      help: 'Attempts to publish an event that failed while the broker was connected: no_stream, answered (the broker says no: its store is full), no_answer, refused (for good).',
      labelNames: ['reason'] as const,
      registers: [registry],
    }),
    'reason',
    PUBLISH_FAILURES,
  ),
  unreadable: new Counter({
    name: 'ptp_collector_unreadable_total',
    help: 'What the bus had of this node at the start and could not be read, so that it counts as not remembered: state, last_event, clock.',
    labelNames: ['what'] as const,
    registers: [registry],
  }),
  publishSeconds: new Histogram({
    name: 'ptp_collector_publish_seconds',
    help: 'Time from publishing an event to the acknowledgement of the stream.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  }),
  watchLoops: (loops: Loops) => {
    void new Gauge({
      name: 'ptp_collector_loops_open',
      help: 'What waits for receipts or is known for late ones: events, and subscriptions that have confirmed one.',
      labelNames: ['what'],
      registers: [registry],
      collect() {
        for (const [what, count] of Object.entries(loops.size)) this.set({ what }, count);
      },
    });
    void new Counter({
      name: 'ptp_collector_loop_exceptions_total',
      help: 'Receipts that repeat another one or are about an event that is not known; what was forgotten for want of room.',
      labelNames: ['reason'],
      registers: [registry],
      collect() {
        this.reset();
        for (const [reason, count] of Object.entries(loops.counts)) this.inc({ reason }, count);
      },
    });
  },
  receipts: new Counter({
    name: 'ptp_collector_receipts_total',
    help: 'Receipts of gateways (tail, delivered, retried, dead_letter, too_old), and what was none (malformed, malformed_report).',
    labelNames: ['outcome'] as const,
    registers: [registry],
  }),
  latencyRecords: new Counter({
    name: 'ptp_collector_latency_records_total',
    help: 'Latency records, sent or dropped because the broker was away.',
    labelNames: ['outcome'] as const,
    registers: [registry],
  }),
  canaries: new Counter({
    name: 'ptp_collector_canaries_total',
    help: 'Canaries made, and those of them that will never be on the bus.',
    labelNames: ['outcome'] as const,
    registers: [registry],
  }),
});

/** Resources have one name in every series, the path. */
const named = ({ resource, ...labels }: StateSample['labels']): Record<string, string> => ({
  resource: bus.resources[resource].path,
  ...labels,
});

export type CollectorMetrics = ReturnType<typeof declareMetrics>;

/** Whether each clock of lock-state and os-clock-sync-state is vouched for now. */
export const vouchSamples = (node: NodeClocks, at: Instant, staleAfterMs: number): VouchSample[] =>
  [...clocksOf(node, 'lockState'), ...clocksOf(node, 'osClockSyncState')].map((view) => ({
    config: view.config,
    process: view.process,
    clock: view.iface,
    isVouchedFor: doubtAbout([view], at, staleAfterMs) === undefined,
  }));
