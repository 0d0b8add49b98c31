// @ts-check
import { dashboard, figure, lines, timeline, variable } from './panels.mjs';

const STREAM = 'stream=~"$stream"';
const SCOPE = 'scope=~"$scope"';

/** @param {string} name */
const perScope = (name) => `max by (scope) (${name}{${SCOPE}})`;

/** @param {string} name */
const perStream = (name) => `max by (stream) (${name}{${STREAM}})`;

const UP = /** @type {import('./panels.mjs').Words} */ ([
  [0, 'down', 'red'],
  [1, 'up', 'green'],
  [2, 'started anew', 'orange'],
  [3, 'impaired', 'red'],
]);

export const bus = dashboard({
  uid: 'ptp-bus',
  title: 'PTP bus',
  description: 'The log, who reads it, how far, and the parts of ptp-event-bus.',
  variables: [
    variable('scope', 'Scope', 'label_values(ptp_scope_gateways, scope)'),
    variable('stream', 'Stream', 'label_values(ptp_stream_messages, stream)'),
  ],
  panels: [
    figure({
      title: 'Gateways',
      unit: 'none',
      queries: [{ expr: `sum(${perScope('ptp_scope_gateways')})` }],
      steps: [
        [null, 'red'],
        [1, 'green'],
      ],
    }),
    figure({
      title: 'Gateways without tail',
      unit: 'none',
      queries: [{ expr: `sum(${perScope('ptp_scope_gateways')} - ${perScope('ptp_scope_gateways_reading')})` }],
      steps: [
        [null, 'green'],
        [1, 'red'],
      ],
    }),
    figure({
      title: 'Subscriptions',
      unit: 'none',
      queries: [{ expr: `sum(${perScope('ptp_scope_subscriptions')})` }],
      steps: [[null, 'blue']],
    }),
    figure({
      title: 'Oldest undelivered event',
      unit: 's',
      queries: [{ expr: `max(${perScope('ptp_scope_oldest_undelivered_seconds')})` }],
      steps: [
        [null, 'green'],
        [5, 'orange'],
        [60, 'red'],
      ],
    }),
    figure({
      title: 'The log reaches back',
      unit: 's',
      queries: [{ expr: 'max(ptp_stream_retention_seconds{stream="PTP_EVENTS"})' }],
      steps: [[null, 'blue']],
    }),
    figure({
      title: 'Store of JetStream',
      unit: 'percentunit',
      queries: [{ expr: 'cluster:ptp_jetstream_store_bytes:ratio' }],
      steps: [
        [null, 'green'],
        [0.7, 'orange'],
        [0.85, 'red'],
      ],
    }),
    lines({
      title: 'Events',
      unit: 'ops',
      min: 0,
      queries: [
        {
          expr: 'sum by (resource) (rate(ptp_collector_events_total[$__rate_interval]))',
          legend: '{{resource}}',
        },
      ],
    }),
    lines({
      title: 'Deliveries of the gateways',
      unit: 'ops',
      min: 0,
      queries: [
        {
          expr: 'sum by (outcome) (rate(ptp_gateway_deliveries_total[$__rate_interval]))',
          legend: '{{outcome}}',
        },
      ],
    }),
    lines({
      title: 'Tail lag',
      unit: 'none',
      min: 0,
      description: 'Events of the log that the slowest gateway of a scope has not read.',
      queries: [{ expr: perScope('ptp_scope_tail_lag_events'), legend: '{{scope}}' }],
    }),
    lines({
      title: 'Subscriptions behind',
      unit: 'none',
      min: 0,
      queries: [{ expr: perScope('ptp_scope_subscriptions_behind'), legend: '{{scope}}' }],
    }),
    lines({
      title: 'Age of the cursor',
      unit: 's',
      min: 0,
      description: 'A killed gateway repeats what was delivered in this time.',
      queries: [{ expr: perScope('ptp_scope_cursor_age_seconds'), legend: '{{scope}}' }],
    }),
    lines({
      title: 'Waiting in gateways',
      unit: 'none',
      min: 0,
      queries: [
        { expr: 'sum(ptp_gateway_held_events)', legend: 'events held' },
        { expr: 'sum(ptp_gateway_open_lanes)', legend: 'open lanes' },
        { expr: 'sum(ptp_gateway_detached_subscriptions)', legend: 'detached subscriptions' },
      ],
    }),
    lines({
      title: 'Streams',
      unit: 'bytes',
      min: 0,
      queries: [{ expr: perStream('ptp_stream_bytes'), legend: '{{stream}}' }],
    }),
    lines({
      title: 'Streams, of their limit',
      unit: 'percentunit',
      limit: 0.8,
      min: 0,
      queries: [{ expr: `stream:ptp_stream_bytes:ratio{${STREAM}}`, legend: '{{stream}}' }],
    }),
    lines({
      title: 'Messages stored',
      unit: 'ops',
      min: 0,
      queries: [
        {
          expr: `max by (stream) (rate(ptp_stream_last_sequence{${STREAM}}[$__rate_interval]))`,
          legend: '{{stream}}',
        },
      ],
    }),
    lines({
      title: 'Messages',
      unit: 'none',
      min: 0,
      queries: [{ expr: perStream('ptp_stream_messages'), legend: '{{stream}}' }],
    }),
    lines({
      title: 'Waiting in collectors',
      unit: 'none',
      min: 0,
      queries: [
        { expr: 'topk(10, max by (node) (ptp_collector_outbox_events))', legend: '{{node}}' },
        { expr: 'sum(ptp_collector_events_dropped_total)', legend: 'dropped, of all' },
      ],
    }),
    lines({
      title: 'Oldest event waiting in a collector',
      unit: 's',
      limit: 60,
      min: 0,
      queries: [{ expr: 'topk(10, max by (node) (ptp_collector_outbox_oldest_seconds))', legend: '{{node}}' }],
    }),
    lines({
      title: 'Attempts to publish that failed',
      unit: 'ops',
      min: 0,
      description: 'While the broker was there. answered: it said no, its store is full for example.',
      queries: [
        {
          expr: 'sum by (reason) (rate(ptp_collector_publish_failures_total[$__rate_interval]))',
          legend: '{{reason}}',
        },
      ],
    }),
    lines({
      title: 'Until the log has it, p99',
      unit: 's',
      min: 0,
      queries: [
        {
          expr: 'histogram_quantile(0.99, sum by (le) (rate(ptp_collector_publish_seconds_bucket[$__rate_interval])))',
          legend: 'publish',
        },
      ],
    }),
    timeline({
      title: 'Parts',
      unit: 'none',
      words: UP,
      description:
        'Restarts are seen by the start time of the process, however short they are. Impaired: it runs, but cannot do its work; /readyz says why.',
      queries: [
        {
          expr: '(changes(process_start_time_seconds{job=~"ptp-.*"}[$__rate_interval]) > 0) * 0 + 2 or (max without (reason) (ptp_service_impaired) == 1) * 0 + 3 or up{job=~"ptp-.*"}',
          legend: '{{job}} {{instance}}',
        },
      ],
    }),
    lines({
      title: 'Messages measured',
      unit: 'ops',
      min: 0,
      queries: [
        { expr: 'sum by (outcome) (rate(ptp_metrics_records_total[$__rate_interval]))', legend: '{{outcome}}' },
      ],
    }),
  ],
});
