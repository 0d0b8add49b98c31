import { isDeepStrictEqual } from 'node:util';
import type { CorpusEvent, CorpusMetric, CorpusPull, CorpusResult, CorpusValue } from './case.js';

/** What differs between a case's target and what came out, in sentences; none when all is as it should be. */
export function differences(target: Partial<CorpusResult>, actual: CorpusResult): string[] {
  return [
    ...(target.events ? compareEvents(target.events, actual.events) : []),
    ...(target.metrics ? compareMetrics(target.metrics, actual.metrics) : []),
    ...(target.pull ? comparePull(target.pull, actual.pull) : []),
  ];
}

function compareEvents(wanted: CorpusEvent[], actual: CorpusEvent[]): string[] {
  const length = Math.max(wanted.length, actual.length);
  for (let i = 0; i < length; i++) {
    const [want, is] = [wanted[i], actual[i]];
    if (!isDeepStrictEqual(pickEvent(want), pickEvent(is))) {
      return [`event ${i}: wanted ${JSON.stringify(want)}, got ${JSON.stringify(is)}`];
    }
  }
  return [];
}

const pickEvent = (event: CorpusEvent | undefined): unknown =>
  event && [event.after, event.type, event.resource, event.values.map(pickValue)];
const pickValue = ({ resource, dataType, valueType, value }: CorpusValue): string[] => [
  resource,
  dataType,
  valueType,
  value,
];

/** max_offset_ns is never compared, thresholds only where the target lists some. */
function compareMetrics(wanted: CorpusMetric[], actual: CorpusMetric[]): string[] {
  const listsThresholds = wanted.some(({ name }) => name === 'openshift_ptp_threshold');
  const counts = ({ name }: CorpusMetric): boolean =>
    name !== 'openshift_ptp_max_offset_ns' && (listsThresholds || name !== 'openshift_ptp_threshold');
  const want = new Map(wanted.filter(counts).map((metric) => [keyOf(metric), metric.value]));
  const is = new Map(actual.filter(counts).map((metric) => [keyOf(metric), metric.value]));
  const missing = [...want].filter(([key, value]) => is.get(key) !== value);
  const extra = [...is.keys()].filter((key) => !want.has(key));
  return [
    ...missing.map(([key, value]) => `metric ${key}: wanted ${value}, got ${is.get(key)}`),
    ...extra.map((key) => `metric ${key}: not wanted, got ${is.get(key)}`),
  ];
}

const keyOf = ({ name, labels }: CorpusMetric): string =>
  `${name}{${Object.entries(labels)
    .map(([label, value]) => `${label}="${value}"`)
    .toSorted()
    .join(',')}}`;

/** The groups of several configurations have no order. */
function comparePull(wanted: CorpusPull, actual: CorpusPull): string[] {
  return Object.entries(wanted).flatMap(([path, want]) => {
    const is = actual[path] ?? null;
    const same =
      want === null || is === null
        ? want === is
        : want.source === is.source &&
          want.type === is.type &&
          isDeepStrictEqual(sorted(want.values), sorted(is.values));
    return same ? [] : [`pull ${path}: wanted ${JSON.stringify(want?.values)}, got ${JSON.stringify(is?.values)}`];
  });
}

const sorted = (values: CorpusValue[]): string[] => values.map((value) => pickValue(value).join(' ')).toSorted();
