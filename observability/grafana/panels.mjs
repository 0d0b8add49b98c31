// @ts-check
// The few kinds of panels that the dashboards are made of, as Grafana writes them (schema version 39: Grafana 10.4 and newer).

/**
 * @typedef {{ expr: string, legend?: string, exemplar?: boolean, format?: string, instant?: boolean }} Query
 * @typedef {[value: number, text: string, color: string][]} Words names of values
 * @typedef {{ title: string, unit: string, queries: Query[], width?: number, height?: number, description?: string }} Common
 */

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
const FULL_WIDTH = 24;
const UNKNOWN = 'unknown';

/** @param {Query[]} queries */
const targets = (queries) =>
  queries.map(({ expr, legend, exemplar = false, format = 'time_series', instant = false }, i) => ({
    refId: String.fromCodePoint(65 + i),
    datasource: DATASOURCE,
    expr,
    legendFormat: legend ?? '__auto',
    exemplar,
    format,
    instant,
    range: !instant,
  }));

/**
 * @param {string} type
 * @param {Common} common
 * @param {{ options?: object, defaults?: object, transformations?: object[] }} [more]
 */
const panel = (
  type,
  { title, unit, queries, width = 12, height = 8, description },
  { options, defaults, ...more } = {},
) => ({
  type,
  title,
  ...(description && { description }),
  datasource: DATASOURCE,
  gridPos: { w: width, h: height, x: 0, y: 0 },
  fieldConfig: { defaults: { unit, ...defaults }, overrides: [] },
  options: options ?? {},
  targets: targets(queries),
  ...more,
});

/** @param {[from: number | null, color: string][]} steps */
export const thresholds = (steps) => ({ mode: 'absolute', steps: steps.map(([value, color]) => ({ value, color })) });

/**
 * Lines over time; `limit` is drawn as a line across.
 * @param {Common & { limit?: number, stacked?: boolean, min?: number }} settings
 */
export const lines = ({ limit, stacked = false, min, ...common }) =>
  panel('timeseries', common, {
    options: {
      legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
    defaults: {
      ...(min !== undefined && { min }),
      custom: {
        fillOpacity: stacked ? 30 : 5,
        lineWidth: 1,
        showPoints: 'never',
        stacking: { mode: stacked ? 'normal' : 'none', group: 'A' },
        ...(limit !== undefined && { thresholdsStyle: { mode: 'line' } }),
      },
      ...(limit !== undefined && {
        thresholds: thresholds([
          [null, 'green'],
          [limit, 'red'],
        ]),
      }),
    },
  });

/**
 * A bar for each step.
 * @param {Common} common
 */
export const bars = (common) =>
  panel('timeseries', common, {
    options: {
      legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
    defaults: {
      min: 0,
      custom: { drawStyle: 'bars', fillOpacity: 70, lineWidth: 0, stacking: { mode: 'normal', group: 'A' } },
    },
  });

/**
 * One number as of now; its colour changes at the steps. Asked for now alone: the last value of a time range would stay, and
 * stay green, when what tells it has been gone for long. What is not known says so, in gray.
 * @param {Common & { steps: [number | null, string][], decimals?: number }} settings
 */
export const figure = ({ steps, decimals, queries, ...common }) =>
  panel(
    'stat',
    { width: 4, height: 4, ...common, queries: queries.map((query) => ({ ...query, instant: true })) },
    {
      options: {
        colorMode: 'value',
        graphMode: 'none',
        reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
      },
      defaults: {
        thresholds: thresholds(steps),
        noValue: UNKNOWN,
        mappings: [
          { type: 'special', options: { match: 'null+nan', result: { text: UNKNOWN, color: 'gray', index: 0 } } },
        ],
        ...(decimals !== undefined && { decimals }),
      },
    },
  );

/**
 * A bar per series that changes its colour with the value.
 * @param {Common & { words: Words }} settings
 */
export const timeline = ({ words, ...common }) =>
  panel('state-timeline', common, {
    options: {
      mergeValues: true,
      showValue: 'auto',
      rowHeight: 0.8,
      legend: { displayMode: 'list', placement: 'bottom', showLegend: false },
    },
    defaults: {
      custom: { fillOpacity: 75, lineWidth: 0 },
      mappings: [
        {
          type: 'value',
          options: Object.fromEntries(words.map(([value, text, color], index) => [value, { text, color, index }])),
        },
      ],
    },
  });

/**
 * Buckets of a histogram over time, its exemplars as points.
 * @param {Common} common
 */
export const heatmap = (common) =>
  panel(
    'heatmap',
    { width: FULL_WIDTH, height: 10, ...common },
    {
      options: {
        calculate: false,
        cellGap: 1,
        color: { mode: 'scheme', scheme: 'Oranges', steps: 64, exponent: 0.5, fill: 'dark-orange', reverse: false },
        exemplars: { color: 'rgba(255,0,255,0.7)' },
        filterValues: { le: 1e-9 },
        legend: { show: true },
        rowsFrame: { layout: 'auto' },
        tooltip: { show: true, yHistogram: true },
        yAxis: { axisPlacement: 'left', reverse: false, unit: common.unit },
      },
    },
  );

/**
 * A table of what is so now.
 * @param {Common & { columns: Record<string, string> }} settings `columns`: names of labels as shown
 */
export const table = ({ columns, queries, ...common }) =>
  panel(
    'table',
    { ...common, queries: queries.map((query) => ({ ...query, format: 'table', instant: true })) },
    {
      options: { showHeader: true, sortBy: [{ displayName: 'Value', desc: true }] },
      transformations: [{ id: 'organize', options: { excludeByName: { Time: true }, renameByName: columns } }],
    },
  );

/**
 * A variable that is filled from a label.
 * @param {string} name
 * @param {string} label shown
 * @param {string} query label_values(…)
 */
export const variable = (name, label, query) => ({
  name,
  label,
  type: 'query',
  datasource: DATASOURCE,
  query: { query, refId: name },
  definition: query,
  refresh: 2,
  sort: 1,
  multi: true,
  includeAll: true,
  allValue: '.+',
  current: { text: ['All'], value: ['$__all'] },
});

const datasource = {
  name: 'datasource',
  label: 'Prometheus',
  type: 'datasource',
  query: 'prometheus',
  current: { text: 'Prometheus', value: 'prometheus' },
};

/**
 * A dashboard with its panels laid out from left to right, row by row.
 * @param {{ uid: string, title: string, description: string, variables: object[], panels: ReturnType<typeof panel>[] }} content
 */
export function dashboard({ uid, title, description, variables, panels }) {
  let [x, y, rowHeight] = [0, 0, 0];
  const placed = panels.map((one, i) => {
    const { w, h } = one.gridPos;
    if (x + w > FULL_WIDTH) [x, y, rowHeight] = [0, y + rowHeight, 0];
    const gridPos = { w, h, x, y };
    x += w;
    rowHeight = Math.max(rowHeight, h);
    return { id: i + 1, ...one, gridPos };
  });
  return {
    uid,
    title,
    description,
    tags: ['ptp-event-bus'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    timezone: 'utc',
    links: [
      {
        type: 'dashboards',
        title: 'ptp-event-bus',
        tags: ['ptp-event-bus'],
        asDropdown: true,
        keepTime: true,
        includeVars: true,
      },
    ],
    annotations: { list: [] },
    templating: { list: [datasource, ...variables] },
    panels: placed,
  };
}
