import { Counter, type Registry } from 'prom-client';
import { bus } from '../shared/contract/bus.js';
import { fromZero } from '../shared/instruments.js';
import { DELIVERY_OUTCOMES } from '../shared/messages.js';
import { WeightedHistogram } from './histogram.js';
import { HOPS, PATHS, STAGES } from './latencyRecord.js';
import type { Maintenance } from './maintenance.js';
import type { Instant, Nodes } from './nodes.js';
import type { Move } from './record.js';
import type { Exposition } from './exposition.js';
import type { Family, Sample } from './sample.js';
import type { Scopes } from './scopes.js';
import type { JetStreamFigures } from './streams.js';

const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** The catalogue of deliveries: counted as records come in. Gives back what a move does. */
export function declareDeliveries(registry: Registry, exposition: Exposition): (move: Move, at: Instant) => void {
  const histogram = (name: string, help: string): WeightedHistogram => {
    const made = new WeightedHistogram(name, BUCKETS);
    exposition.add({ name, help, type: 'histogram', samples: () => made.samples() });
    return made;
  };
  const counter = (name: string, help: string, label?: string, values: readonly string[] = []): Counter => {
    const made = new Counter({ name, help, labelNames: label === undefined ? [] : [label], registers: [registry] });
    return label === undefined ? made : fromZero(made, label, values);
  };

  const observed = {
    delivery: histogram(
      'ptp_event_delivery_seconds',
      'From the line read to the receipt back at the collector, by its own clock: never less than the delivery took. What never came back counts in +Inf, as the 300 s it was waited for.',
    ),
    floor: histogram(
      'ptp_event_delivery_floor_seconds',
      'Sum of the stages that were measured within one process each: never more than the delivery took.',
    ),
    stage: histogram('ptp_event_stage_seconds', 'Stages of deliveries, canaries included.'),
    hop: histogram(
      'ptp_event_hop_seconds',
      'From one process to another, canaries included; suspect: the clocks contradict the round trip, which is given instead.',
    ),
  };
  for (const resource of PATHS) {
    const labels = { resource, traffic: resource === bus.canary.path ? 'canary' : 'event' };
    observed.delivery.expect(labels);
    observed.floor.expect(labels);
  }
  const counts = {
    deliveries: counter(
      'ptp_event_deliveries_total',
      'Deliveries of events that came to an end, by outcome; retried: delivered, but not with the first attempt.',
      'outcome',
      DELIVERY_OUTCOMES,
    ),
    unconfirmed: counter(
      'ptp_event_unconfirmed_total',
      'Deliveries without a receipt 30 s after the line was read, canaries included.',
    ),
    duplicates: counter('ptp_event_duplicates_total', 'Deliveries that were made once more, canaries included.'),
    deadLetters: counter('ptp_event_dead_letters_total', 'Events that a consumer refused for good.'),
    impossible: counter(
      'ptp_event_impossible_values_total',
      'Figures that were negative, not finite or absurd, hence not observed: loop, floor, a stage, or a hop (hop_broker, hop_receipt, hop_post).',
      'value',
      ['loop', 'floor', ...STAGES, ...HOPS.map((hop) => `hop_${hop}`)],
    ),
  };
  return (move, at) => {
    if (move.kind === 'count') return counts[move.series].inc(move.labels, move.by);
    const { series, labels, seconds, times, traceId } = move;
    const exemplar =
      traceId === undefined ? undefined : { labels: { trace_id: traceId }, timestampSeconds: at.now / 1_000 };
    observed[series].observe(labels, seconds, times, exemplar);
  };
}

export interface Known {
  nodes: Nodes;
  scopes: Scopes;
  maintenance: Maintenance;
  jetStream: () => JetStreamFigures;
  now: () => Instant;
}

/** The catalogue of what is known now: made when it is scraped, and absent where it is not known. */
export function declareKnown(exposition: Exposition, { nodes, scopes, maintenance, jetStream, now }: Known): void {
  const declare = (type: Family['type']) => (name: string, help: string, samples: (at: Instant) => Sample[]) =>
    exposition.add({ name, help, type, samples: () => samples(now()) });
  const gauge = declare('gauge');
  const counter = declare('counter');

  gauge(
    'ptp_state',
    '1 for the worst state among the clocks of a resource, 0 for the other words; absent while the collector of the node does not answer.',
    (at) => nodes.states(at),
  );
  counter('ptp_state_transitions_total', 'How often the worst state of a resource became this one.', (at) =>
    nodes.transitions(at),
  );
  counter(
    'ptp_state_seconds_total',
    'Time in which this was the worst state of a resource, while the collector of the node answered.',
    (at) => nodes.seconds(at),
  );
  gauge('ptp_collector_up', 'Whether the collector of a node has answered within 25 s.', (at) => nodes.up(at));
  gauge('ptp_collector_last_seen_timestamp_seconds', 'When the collector of a node answered last.', (at) =>
    nodes.lastSeen(at),
  );

  gauge(
    'ptp_node_maintenance',
    '1 while somebody works on a node: its alerts are to be silent. Absent otherwise.',
    (at) => maintenance.samples(at.now),
  );

  gauge('ptp_scope_gateways', 'Gateways of a scope that have reported within 15 s.', ({ monotonic }) =>
    scopes.alive(monotonic),
  );
  gauge('ptp_scope_gateways_reading', 'Gateways of a scope whose tail hears the broker.', ({ monotonic }) =>
    scopes.reading(monotonic),
  );
  gauge('ptp_scope_subscriptions', 'Subscriptions that the gateways of a scope serve.', ({ monotonic }) =>
    scopes.sum(monotonic, ({ subscriptions }) => subscriptions),
  );
  gauge(
    'ptp_scope_subscriptions_behind',
    'Subscriptions that are behind: an event has waited for 10 s, or the tail goes on without them.',
    ({ monotonic }) => scopes.sum(monotonic, ({ behind }) => behind),
  );
  gauge('ptp_scope_tail_lag_events', 'Events in the log that the slowest tail has not read.', ({ monotonic }) =>
    scopes.max(monotonic, ({ lastSequence, tailSequence }) => Math.max(0, lastSequence - tailSequence)),
  );
  gauge(
    'ptp_scope_oldest_undelivered_seconds',
    'Age of the oldest event that waits for its delivery.',
    ({ monotonic }) => scopes.max(monotonic, ({ oldestUndeliveredSeconds }) => oldestUndeliveredSeconds),
  );
  gauge('ptp_scope_cursor_age_seconds', 'How long ago the cursor was saved, of the oldest.', ({ monotonic }) =>
    scopes.max(monotonic, ({ cursorAgeSeconds }) => cursorAgeSeconds),
  );

  const ofStreams = (name: string, help: string, figure: keyof JetStreamFigures['streams'][number]['figures']): void =>
    gauge(name, help, () => jetStream().streams.flatMap(({ labels, figures }) => sampleOf(labels, figures[figure])));
  ofStreams('ptp_stream_bytes', 'Size of a stream or bucket (KV_…).', 'bytes');
  ofStreams('ptp_stream_max_bytes', 'Limit of its size; absent where it has none.', 'maxBytes');
  ofStreams('ptp_stream_messages', 'Messages in it.', 'messages');
  ofStreams('ptp_stream_last_sequence', 'Sequence of the last message.', 'lastSequence');
  ofStreams(
    'ptp_stream_retention_seconds',
    'Age of the oldest message; absent where there is none.',
    'retentionSeconds',
  );
  gauge('ptp_jetstream_store_bytes', 'File storage that JetStream uses in this account.', () =>
    sampleOf({}, jetStream().storeBytes),
  );
  gauge('ptp_jetstream_store_max_bytes', 'Limit of it; absent when there is none or it is not known.', () =>
    sampleOf({}, jetStream().storeMaxBytes),
  );
}

const sampleOf = (labels: Record<string, string>, value: number | undefined): Sample[] =>
  value === undefined ? [] : [{ labels, value }];
