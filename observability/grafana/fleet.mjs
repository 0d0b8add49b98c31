// @ts-check
import { bars, dashboard, figure, lines, table, timeline, variable } from './panels.mjs';

const NODE = 'node=~"$node"';
const STATES = `${NODE},resource=~"$resource"`;

const GOOD = 'LOCKED|SYNCHRONIZED';
const DOUBTFUL = 'HOLDOVER|ACQUIRING-SYNC';
const BAD = 'FREERUN|FAILURE-NOFIX';

/** @param {string} words */
const inState = (words) => `node_resource_state:ptp_state:max{${STATES},state=~"${words}"}`;

/**
 * Where these states were entered since the last step: counters miss nothing that samples miss.
 * @param {string} words
 * @param {number} value
 */
const entered = (words, value) =>
  `label_replace((max by (node, resource) (increase(ptp_state_transitions_total{${STATES},state=~"${words}"}[$__rate_interval])) > 0) * 0 + ${value}, "entered", "${value}", "", "")`;

/** One number per node and resource: 3 in order, 2 for a while, 1 not synchronised, 0 of a node that says nothing. */
const worstState = [
  'min by (node, resource) (',
  `max by (node, resource) (${inState(GOOD)} * 3 or ${inState(DOUBTFUL)} * 2 or ${inState(BAD)})`,
  ` or ${entered(BAD, 1)} or ${entered(DOUBTFUL, 2)}) `,
  `or max by (node, resource) (ptp_state_transitions_total{${STATES}}) * 0`,
].join('');

/** Of a clock or process of a node whose collector is gone nothing is known, and that is not well. */
const GONE = `(node:ptp_collector_up:max{${NODE}} == 0)`;
const SAMPLED = 'Sampled: what lasts for less than a scrape may be missing.';

export const fleet = dashboard({
  uid: 'ptp-fleet',
  title: 'PTP fleet',
  description: 'Clock state, offset, class and role of every node.',
  variables: [
    variable('node', 'Node', 'label_values(ptp_collector_up, node)'),
    variable('resource', 'Resource', 'label_values(ptp_state, resource)'),
  ],
  panels: [
    figure({
      title: 'Nodes',
      unit: 'none',
      queries: [{ expr: 'cluster:ptp_nodes:count' }],
      steps: [[null, 'blue']],
    }),
    figure({
      title: 'Not LOCKED',
      unit: 'none',
      description:
        'Nodes that are not known to be LOCKED: also those that are silent, or say nothing about it. Not those in maintenance.',
      queries: [{ expr: 'cluster:ptp_nodes_not_locked:count' }],
      steps: [
        [null, 'green'],
        [1, 'orange'],
        [3, 'red'],
      ],
    }),
    figure({
      title: 'Collectors gone',
      unit: 'none',
      queries: [{ expr: `sum(1 - node:ptp_collector_up:max{${NODE}})` }],
      steps: [
        [null, 'green'],
        [1, 'red'],
      ],
    }),
    figure({
      title: 'Clocks not vouched for',
      unit: 'none',
      description: 'A node of which no clock is known counts as one.',
      queries: [
        {
          expr: `sum(1 - min by (node, config, process, clock) (ptp_collector_clock_vouched_for{${NODE}}) or on (node) node:ptp_collector_up:max{${NODE}} * 0 + 1)`,
        },
      ],
      steps: [
        [null, 'green'],
        [1, 'orange'],
      ],
    }),
    figure({
      title: 'Processes down',
      unit: 'none',
      description: 'Of linuxptp. A node whose collector is gone counts as one: nobody says how they are.',
      queries: [
        {
          expr: `sum(1 - max by (node, process, config) (openshift_ptp_process_status{${NODE}}) or on (node) ${GONE} + 1)`,
        },
      ],
      steps: [
        [null, 'green'],
        [1, 'red'],
      ],
    }),
    figure({
      title: 'Worst offset, of its threshold',
      unit: 'percentunit',
      description: 'Of the nodes that are heard. One that is silent makes it infinite.',
      queries: [{ expr: `max(node_process_iface:openshift_ptp_max_offset:ratio{${NODE}} or on (node) ${GONE} + Inf)` }],
      steps: [
        [null, 'green'],
        [0.8, 'orange'],
        [1, 'red'],
      ],
    }),
    timeline({
      title: 'State',
      unit: 'none',
      width: 24,
      height: 10,
      description:
        'The worst state among the clocks of a resource, and the worst that it became since the step before: the sampled state (ptp_state) is overlaid with the counted transitions (ptp_state_transitions_total), so that an outage shorter than a scrape is seen. It is drawn as one step ($__rate_interval) at least; how often and how long: the tables below. Gray: its collector does not answer. A gap: no metrics service.',
      queries: [
        {
          expr: worstState,
          legend: '{{node}} {{resource}}',
        },
      ],
      words: [
        [0, 'unknown', 'gray'],
        [1, 'FREERUN', 'red'],
        [2, 'HOLDOVER', 'orange'],
        [3, 'LOCKED', 'green'],
      ],
    }),
    lines({
      title: 'Offset against threshold',
      unit: 'percentunit',
      limit: 1,
      min: 0,
      description:
        'Largest offset of the last minute, as part of the threshold of the node: comparable over all nodes.',
      queries: [
        {
          expr: `node_process_iface:openshift_ptp_max_offset:ratio{${NODE}}`,
          legend: '{{node}} {{process}} {{iface}}',
        },
      ],
    }),
    lines({
      title: 'Offset and thresholds',
      unit: 'ns',
      queries: [
        {
          expr: `max by (node, process, iface) (openshift_ptp_offset_ns{${NODE}} > -9e15)`,
          legend: '{{node}} {{process}} {{iface}}',
        },
        {
          expr: `max by (node, profile, threshold) (openshift_ptp_threshold{${NODE},threshold=~"(Max|Min)OffsetThreshold"})`,
          legend: '{{node}} {{profile}} {{threshold}}',
        },
      ],
    }),
    bars({
      title: 'State changes',
      unit: 'none',
      width: 24,
      description: 'Counted, hence complete: how often a state became another one, per step.',
      queries: [
        {
          expr: `max by (node, resource, state) (increase(ptp_state_transitions_total{${STATES}}[$__rate_interval])) > 0`,
          legend: '{{node}} {{resource}} {{state}}',
        },
      ],
    }),
    timeline({
      title: 'Clock class',
      unit: 'none',
      description: SAMPLED,
      queries: [
        {
          expr: `max by (node, process, config) (openshift_ptp_clock_class{${NODE}})`,
          legend: '{{node}} {{process}} {{config}}',
        },
      ],
      words: [
        [6, '6 primary reference', 'green'],
        [7, '7 holdover in specification', 'yellow'],
        [135, '135 boundary clock, holdover in specification', 'yellow'],
        [52, '52 out of specification', 'orange'],
        [140, '140 out of specification', 'orange'],
        [150, '150 out of specification', 'orange'],
        [160, '160 out of specification', 'orange'],
        [165, '165 boundary clock, out of specification', 'orange'],
        [187, '187 out of specification', 'orange'],
        [248, '248 default', 'red'],
        [255, '255 slave only', 'blue'],
      ],
    }),
    timeline({
      title: 'Port role',
      unit: 'none',
      description: SAMPLED,
      queries: [{ expr: `max by (node, iface) (openshift_ptp_interface_role{${NODE}})`, legend: '{{node}} {{iface}}' }],
      words: [
        [0, 'PASSIVE', 'yellow'],
        [1, 'SLAVE', 'green'],
        [2, 'MASTER', 'blue'],
        [3, 'FAULTY', 'red'],
        [4, 'UNKNOWN', 'gray'],
        [5, 'LISTENING', 'orange'],
      ],
    }),
    timeline({
      title: 'Processes of linuxptp',
      unit: 'none',
      description: 'Restarts are counted, and seen however short they are.',
      queries: [
        {
          expr: `(max by (node, process, config) (increase(openshift_ptp_process_restart_count{${NODE}}[$__rate_interval])) > 0) * 0 + 2 or max by (node, process, config) (openshift_ptp_process_status{${NODE}})`,
          legend: '{{node}} {{process}} {{config}}',
        },
      ],
      words: [
        [0, 'down', 'red'],
        [1, 'up', 'green'],
        [2, 'started anew', 'orange'],
      ],
    }),
    timeline({
      title: 'GNSS',
      unit: 'none',
      description: SAMPLED,
      queries: [{ expr: `max by (node, iface) (openshift_ptp_gnss_status{${NODE}})`, legend: '{{node}} {{iface}}' }],
      words: [
        [0, 'no fix', 'red'],
        [1, 'dead reckoning', 'orange'],
        [2, '2D', 'yellow'],
        [3, '3D', 'green'],
        [4, '3D and dead reckoning', 'green'],
        [5, 'time only', 'green'],
      ],
    }),
    table({
      title: 'State changes of the last hour',
      unit: 'none',
      queries: [
        {
          expr: `topk(20, round(max by (node, resource, state) (increase(ptp_state_transitions_total{${STATES}}[1h]))) > 0)`,
        },
      ],
      columns: { node: 'Node', resource: 'Resource', state: 'Became' },
    }),
    table({
      title: 'Share of the time in each state',
      unit: 'percentunit',
      description: 'Of the time in which the state was known.',
      queries: [
        {
          expr: `max by (node, resource, state) (increase(ptp_state_seconds_total{${STATES}}[$__range])) / on (node, resource) group_left () sum by (node, resource) (max by (node, resource, state) (increase(ptp_state_seconds_total{${STATES}}[$__range])))`,
        },
      ],
      columns: { node: 'Node', resource: 'Resource', state: 'State' },
    }),
    lines({
      title: 'Path delay',
      unit: 'ns',
      queries: [
        {
          expr: `max by (node, process, iface) (openshift_ptp_delay_ns{${NODE}})`,
          legend: '{{node}} {{process}} {{iface}}',
        },
      ],
    }),
    lines({
      title: 'Frequency adjustment',
      unit: 'conppb',
      queries: [
        {
          expr: `max by (node, process, iface) (openshift_ptp_frequency_adjustment_ns{${NODE}})`,
          legend: '{{node}} {{process}} {{iface}}',
        },
      ],
    }),
  ],
});
