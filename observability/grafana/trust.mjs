// @ts-check
import { dashboard, lines, table, timeline, variable } from './panels.mjs';

const NODE = 'node=~"$node"';

/** @param {string} of */
const hops = (of) => `sum by (hop) (rate(ptp_event_hop_seconds_count${of}[$__rate_interval]))`;

/** @param {string} name */
const mean = (name) =>
  `sum by (traffic) (rate(${name}_sum{traffic=~"$traffic"}[$__rate_interval])) / sum by (traffic) (rate(${name}_count{traffic=~"$traffic"}[$__rate_interval]))`;

export const trust = dashboard({
  uid: 'ptp-trust',
  title: 'PTP trust',
  description:
    'Whether the figures can be believed: whose clocks contradict each other, what is not vouched for or not confirmed.',
  variables: [
    variable('node', 'Node', 'label_values(ptp_collector_up, node)'),
    variable('traffic', 'Traffic', 'label_values(ptp_event_delivery_seconds_count, traffic)'),
  ],
  panels: [
    timeline({
      title: 'Vouched for',
      unit: 'none',
      description:
        'No: nothing was said about the clock since the collector started, or it is LOCKED and silent. Gray: the collector is gone. Sampled: what lasts for less than a scrape may be missing.',
      queries: [
        {
          expr: `min by (node, process, clock) (ptp_collector_clock_vouched_for{${NODE}}) or on (node) node:ptp_collector_up:max{${NODE}} * 0 - 1`,
          legend: '{{node}} {{process}} {{clock}}',
        },
      ],
      words: [
        [-1, 'unknown', 'gray'],
        [0, 'no', 'red'],
        [1, 'yes', 'green'],
      ],
    }),
    lines({
      title: 'Collectors heard',
      unit: 's',
      min: 0,
      description: 'How long ago each answered last.',
      queries: [
        {
          expr: `time() - max by (node) (ptp_collector_last_seen_timestamp_seconds{${NODE}})`,
          legend: '{{node}}',
        },
      ],
    }),
    lines({
      title: 'Suspect hops',
      unit: 'percentunit',
      min: 0,
      description:
        'Part of the hops in which the clocks of two hosts contradict the round trip that one of them measured.',
      queries: [{ expr: `(${hops('{quality="suspect"}')} or ${hops('')} * 0) / ${hops('')}`, legend: '{{hop}}' }],
    }),
    lines({
      title: 'Hops, by how they are known',
      unit: 'ops',
      min: 0,
      queries: [
        {
          expr: 'sum by (hop, quality) (rate(ptp_event_hop_seconds_count[$__rate_interval]))',
          legend: '{{hop}} {{quality}}',
        },
      ],
    }),
    lines({
      title: 'Hops, p99',
      unit: 's',
      min: 0,
      queries: [
        {
          expr: 'histogram_quantile(0.99, sum by (le, hop, quality) (rate(ptp_event_hop_seconds_bucket[$__rate_interval])))',
          legend: '{{hop}} {{quality}}',
        },
      ],
    }),
    lines({
      title: 'Between the bounds, on average',
      unit: 's',
      description: 'Upper minus lower bound of the delivery latency: how exactly it is known.',
      queries: [
        {
          expr: `${mean('ptp_event_delivery_seconds')} - (${mean('ptp_event_delivery_floor_seconds')})`,
          legend: '{{traffic}}',
        },
      ],
    }),
    lines({
      title: 'Impossible values',
      unit: 'none',
      min: 0,
      description: 'Per hour: negative or absurd figures, counted and not observed.',
      queries: [{ expr: 'sum by (value) (increase(ptp_event_impossible_values_total[1h]))', legend: '{{value}}' }],
    }),
    lines({
      title: 'Unconfirmed and repeated',
      unit: 'none',
      min: 0,
      description: 'Per 10 minutes.',
      queries: [
        { expr: 'sum(increase(ptp_event_unconfirmed_total[10m]))', legend: 'unconfirmed' },
        { expr: 'sum(increase(ptp_event_duplicates_total[10m]))', legend: 'delivered once more' },
      ],
    }),
    table({
      title: 'Clock quality',
      unit: 'none',
      queries: [{ expr: `max by (node, process, config) (openshift_ptp_clock_class{${NODE}})` }],
      columns: { node: 'Node', process: 'Process', config: 'Configuration' },
    }),
    lines({
      title: 'Lines of linuxptp',
      unit: 'ops',
      min: 0,
      queries: [
        {
          expr: `sum by (node, outcome) (rate(ptp_collector_lines_total{${NODE}}[$__rate_interval]))`,
          legend: '{{node}} {{outcome}}',
        },
      ],
    }),
    lines({
      title: 'Not understood',
      unit: 'ops',
      min: 0,
      queries: [
        { expr: 'sum(rate(ptp_metrics_records_total{outcome!="used"}[$__rate_interval]))', legend: 'metrics service' },
        { expr: 'sum(rate(ptp_gateway_bad_messages_total[$__rate_interval]))', legend: 'gateways' },
      ],
    }),
    lines({
      title: 'Spans',
      unit: 'ops',
      min: 0,
      description: 'Sent by the services, and what the tracing service made of them.',
      queries: [
        { expr: 'sum by (job, outcome) (rate(ptp_spans_total[$__rate_interval]))', legend: '{{job}} {{outcome}}' },
        { expr: 'sum by (outcome) (rate(ptp_tracing_spans_total[$__rate_interval]))', legend: 'tracing {{outcome}}' },
      ],
    }),
    lines({
      title: 'Traces in memory',
      unit: 'bytes',
      min: 0,
      queries: [
        { expr: 'sum(ptp_tracing_memory_bytes)', legend: 'used' },
        { expr: 'sum(ptp_tracing_memory_limit_bytes)', legend: 'limit' },
      ],
    }),
  ],
});
