// @ts-check
import { dashboard, figure, heatmap, lines, table, variable } from './panels.mjs';

const OF = 'traffic=~"$traffic",resource=~"$resource"';
const BUCKETS = `ptp_event_delivery_seconds_bucket{${OF}}`;

/** @param {string} window */
const inTime = (window) =>
  `sum(increase(ptp_event_delivery_seconds_bucket{${OF},le="0.1"}[${window}])) / (sum(increase(ptp_event_delivery_seconds_count{${OF}}[${window}])) > 0)`;

/**
 * @param {number} share
 * @param {string} buckets
 * @param {string} [by]
 */
const quantile = (share, buckets, by = 'le') =>
  `histogram_quantile(${share}, sum by (${by}) (rate(${buckets}[$__rate_interval])))`;

/**
 * @param {string} name
 * @param {string} of
 * @param {string} by
 */
const mean = (name, of, by) =>
  `sum by (${by}) (rate(${name}_sum${of}[$__rate_interval])) / sum by (${by}) (rate(${name}_count${of}[$__rate_interval]))`;

export const delivery = dashboard({
  uid: 'ptp-delivery',
  title: 'PTP delivery',
  description:
    'How long events take from the line of linuxptp to their consumers, and what becomes of them. 99.9 % within 100 ms.',
  variables: [
    variable('resource', 'Resource', 'label_values(ptp_event_delivery_seconds_count, resource)'),
    variable('traffic', 'Traffic', 'label_values(ptp_event_delivery_seconds_count, traffic)'),
  ],
  panels: [
    figure({
      title: 'Within 100 ms',
      unit: 'percentunit',
      decimals: 3,
      queries: [{ expr: inTime('$__range') }],
      steps: [
        [null, 'red'],
        [0.999, 'green'],
      ],
    }),
    figure({
      title: 'Budget used',
      unit: 'percentunit',
      description:
        'Of the late deliveries that the objective allows in the time shown. Beyond 100 %: the objective is missed.',
      queries: [{ expr: `(1 - ${inTime('$__range')}) / 0.001` }],
      steps: [
        [null, 'green'],
        [0.75, 'orange'],
        [1, 'red'],
      ],
    }),
    figure({
      title: 'Deliveries',
      unit: 'none',
      decimals: 0,
      queries: [{ expr: `sum(increase(ptp_event_delivery_seconds_count{${OF}}[$__range]))` }],
      steps: [[null, 'blue']],
    }),
    figure({
      title: 'Unconfirmed',
      unit: 'none',
      decimals: 0,
      queries: [{ expr: 'sum(increase(ptp_event_unconfirmed_total[$__range]))' }],
      steps: [
        [null, 'green'],
        [1, 'orange'],
      ],
    }),
    figure({
      title: 'Dead letters',
      unit: 'none',
      decimals: 0,
      queries: [{ expr: 'sum(increase(ptp_event_dead_letters_total[$__range]))' }],
      steps: [
        [null, 'green'],
        [1, 'orange'],
      ],
    }),
    figure({
      title: 'Subscriptions behind',
      unit: 'none',
      queries: [{ expr: 'sum(max by (scope) (ptp_scope_subscriptions_behind))' }],
      steps: [
        [null, 'green'],
        [1, 'orange'],
      ],
    }),
    heatmap({
      title: 'Delivery latency',
      unit: 's',
      description:
        'Line read to receipt, by the clock of the collector: never less than it took. Points are traced deliveries: a click leads to the trace.',
      queries: [
        {
          expr: `sum by (le) (increase(${BUCKETS}[$__rate_interval]))`,
          legend: '{{le}}',
          exemplar: true,
          format: 'heatmap',
        },
      ],
    }),
    lines({
      title: 'Delivery latency, bounds',
      unit: 's',
      limit: 0.1,
      min: 0,
      description: 'The truth lies between the loop (upper) and the floor (lower bound).',
      queries: [
        { expr: quantile(0.5, BUCKETS), legend: 'p50 loop', exemplar: true },
        { expr: quantile(0.99, BUCKETS), legend: 'p99 loop' },
        { expr: quantile(0.999, BUCKETS), legend: 'p99.9 loop' },
        {
          expr: quantile(0.99, `ptp_event_delivery_floor_seconds_bucket{${OF}}`),
          legend: 'p99 floor',
        },
      ],
    }),
    lines({
      title: 'How fast the budget burns',
      unit: 'none',
      limit: 1,
      min: 0,
      description: '1: used up in 30 days. Alerts at 14.4 (1 h), 6 (6 h), 3 (1 d) and 1 (3 d).',
      queries: ['5m', '1h', '6h', '3d'].map((window) => ({
        expr: `traffic:ptp_event_late:ratio_rate${window}{traffic=~"$traffic"} / 0.001`,
        legend: `{{traffic}} ${window}`,
      })),
    }),
    lines({
      title: 'Where the time goes, on average',
      unit: 's',
      stacked: true,
      min: 0,
      queries: [{ expr: mean('ptp_event_stage_seconds', '', 'stage'), legend: '{{stage}}' }],
    }),
    lines({
      title: 'Stages, p99',
      unit: 's',
      min: 0,
      queries: [{ expr: quantile(0.99, 'ptp_event_stage_seconds_bucket', 'le, stage'), legend: '{{stage}}' }],
    }),
    lines({
      title: 'Outcomes',
      unit: 'ops',
      min: 0,
      queries: [
        { expr: 'sum by (outcome) (rate(ptp_event_deliveries_total[$__rate_interval]))', legend: '{{outcome}}' },
      ],
    }),
    lines({
      title: 'Attempts to post, p99',
      unit: 's',
      min: 0,
      queries: [{ expr: quantile(0.99, 'ptp_gateway_attempt_seconds_bucket', 'le, outcome'), legend: '{{outcome}}' }],
    }),
    table({
      title: 'Slowest resources, p99.9 of the time shown',
      unit: 's',
      description:
        'The slowest deliveries one by one: the page of the tracing service (:16686), or the exemplars above.',
      queries: [
        {
          expr: `topk(10, histogram_quantile(0.999, sum by (le, resource, traffic) (increase(${BUCKETS}[$__range]))))`,
        },
      ],
      columns: { resource: 'Resource', traffic: 'Traffic' },
    }),
    lines({
      title: 'Not as it should be',
      unit: 'none',
      min: 0,
      description: 'Per 10 minutes.',
      queries: [
        { expr: 'sum(increase(ptp_event_unconfirmed_total[10m]))', legend: 'unconfirmed' },
        { expr: 'sum(increase(ptp_event_duplicates_total[10m]))', legend: 'delivered once more' },
        { expr: 'sum(increase(ptp_event_dead_letters_total[10m]))', legend: 'dead letters' },
        { expr: 'sum(increase(ptp_gateway_missed_events_total[10m]))', legend: 'missed' },
      ],
    }),
  ],
});
