import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Loops } from './latency/loops.js';
import type { LineCounts } from './lineCounts.js';
import type { Instant } from './state/clock.js';
import type { NodeClocks } from './state/nodeClocks.js';
import { clocksOf } from './state/view.js';
import { doubtAbout } from './state/vouch.js';
import type { StateSample } from './stateTimes.js';

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
      help: 'Lines read, by process and outcome (used, ignored, malformed, unknown_config, too_long).',
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
    help: 'Events made, by resource.',
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
        for (const { labels, transitions } of samples()) this.inc({ ...labels }, transitions);
      },
    });
    void new Counter({
      name: 'ptp_collector_state_seconds_total',
      help: 'Time that a clock spent in a state, since the collector started.',
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        for (const { labels, seconds } of samples()) this.inc({ ...labels }, seconds);
      },
    });
  },
  watchVouching: (clocks: () => VouchSample[]) =>
    new Gauge({
      name: 'ptp_collector_clock_vouched_for',
      help: 'Whether the state of a clock is vouched for: 0 before its first line and while a LOCKED one is silent.',
      labelNames: ['config', 'process', 'clock'],
      registers: [registry],
      collect() {
        this.reset();
        for (const { config, process, clock, isVouchedFor } of clocks()) {
          this.set({ config, process, clock }, Number(isVouchedFor));
        }
      },
    }),
  watchOutbox: (depth: () => number) =>
    new Gauge({
      name: 'ptp_collector_outbox_events',
      help: 'Events that wait for the bus.',
      registers: [registry],
      collect() {
        this.set(depth());
      },
    }),
  dropped: new Counter({
    name: 'ptp_collector_events_dropped_total',
    help: 'Events that will never be on the bus: superseded while the outbox was full, or refused by the broker.',
    labelNames: ['reason'] as const,
    registers: [registry],
  }),
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

export type CollectorMetrics = ReturnType<typeof declareMetrics>;

/** Whether each clock of lock-state and os-clock-sync-state is vouched for now. */
export const vouchSamples = (node: NodeClocks, at: Instant, staleAfterMs: number): VouchSample[] =>
  [...clocksOf(node, 'lockState'), ...clocksOf(node, 'osClockSyncState')].map((view) => ({
    config: view.config,
    process: view.process,
    clock: view.iface,
    isVouchedFor: doubtAbout([view], at, staleAfterMs) === undefined,
  }));
