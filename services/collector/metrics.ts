import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** The collector's own vital signs. Every label value comes from a small closed set. */
export const declareMetrics = (registry: Registry) => ({
  lines: new Counter({
    name: 'ptp_collector_lines_total',
    help: 'Lines read, by process and outcome (used, ignored, malformed, unknown_config, too_long).',
    labelNames: ['process', 'outcome'] as const,
    registers: [registry],
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
  publishSeconds: new Histogram({
    name: 'ptp_collector_publish_seconds',
    help: 'Time from publishing an event to the acknowledgement of the stream.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  }),
});

export type CollectorMetrics = ReturnType<typeof declareMetrics>;
