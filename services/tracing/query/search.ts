import { durationMs, type Span } from '../core/span.js';
import type { Trace } from '../core/memory.js';
import { micros, spanTags } from './jaeger.js';

/** What a span must be to be found: all of it. */
export interface Search {
  service: string;
  operation: string | undefined;
  tags: ReadonlyMap<string, string>;
  /** Of its start, µs since 1970. */
  startUs: number;
  endUs: number;
  minDurationUs: number;
  maxDurationUs: number;
  /** Traces at most. */
  limit: number;
}

/** A parameter that cannot be: the message names it. */
export class BadParameter extends Error {
  override name = 'BadParameter';
}

const MAX_LIMIT = 1_000;
const DEFAULT_LIMIT = 100;
const MAX_TAGS = 32;

/** Reads the parameters of `/api/traces` (cmd/query/app/query_parser.go of jaegertracing/jaeger). Throws BadParameter. */
export function readSearch(query: URLSearchParams): Search {
  const text = (name: string): string | undefined => query.get(name) || undefined;
  const service = text('service');
  if (service === undefined) throw new BadParameter("parameter 'service' is required");
  const endUs = integer(text('end'), 'end', Infinity);
  const lookbackUs = durationUs(text('lookback') === 'custom' ? undefined : text('lookback'), 'lookback', Infinity);
  const isSince = endUs !== Infinity && lookbackUs !== Infinity;
  const search: Search = {
    service,
    operation: text('operation'),
    tags: readTags(query),
    startUs: integer(text('start'), 'start', isSince ? endUs - lookbackUs : 0),
    endUs,
    minDurationUs: durationUs(text('minDuration'), 'minDuration', 0),
    maxDurationUs: durationUs(text('maxDuration'), 'maxDuration', Infinity),
    limit: integer(text('limit'), 'limit', DEFAULT_LIMIT),
  };
  if (search.limit < 1 || search.limit > MAX_LIMIT) {
    throw new BadParameter(`parameter 'limit' must be from 1 to ${MAX_LIMIT}`);
  }
  if (search.maxDurationUs < search.minDurationUs) {
    throw new BadParameter("'maxDuration' should be greater than 'minDuration'");
  }
  return search;
}

function integer(text: string | undefined, name: string, fallback: number): number {
  if (text === undefined) return fallback;
  if (/^\d{1,19}$/.test(text)) return Number(text);
  throw new BadParameter(`unable to parse param '${name}': it must be a whole number`);
}

const UNITS_US: Record<string, number> = { ns: 1e-3, us: 1, µs: 1, ms: 1e3, s: 1e6, m: 6e7, h: 3.6e9, d: 8.64e10 };
const DURATION = /^(?:\d{1,15}(?:\.\d{1,9})?(?:ns|us|µs|ms|s|m|h|d))+$/;

/** As Go writes durations: `100ms`, `1.2s`, `1h30m`. */
function durationUs(text: string | undefined, name: string, fallback: number): number {
  if (text === undefined) return fallback;
  if (text.length > 64 || !DURATION.test(text)) {
    throw new BadParameter(`unable to parse param '${name}': it must be a duration such as 100ms or 1.2s`);
  }
  const parts = text.matchAll(/([\d.]+)([a-zµ]+)/g);
  return Array.from(parts, ([, value, unit]) => Number(value) * (UNITS_US[unit ?? ''] ?? 0)).reduce((a, b) => a + b, 0);
}

/** `tags` as a JSON object of texts, `tag` as key:value, each as often as one likes. */
function readTags(query: URLSearchParams): Map<string, string> {
  const tags = new Map<string, string>();
  for (const pair of query.getAll('tag')) {
    const colon = pair.indexOf(':');
    if (colon < 1) throw new BadParameter(`malformed 'tag' parameter, expecting key:value, received: ${pair}`);
    tags.set(pair.slice(0, colon), pair.slice(colon + 1));
  }
  for (const text of query.getAll('tags')) {
    for (const [key, value] of Object.entries(parsed(text))) {
      if (typeof value !== 'string') throw new BadParameter(`malformed 'tags' parameter: ${key} is no text`);
      tags.set(key, value);
    }
  }
  if (tags.size > MAX_TAGS) throw new BadParameter(`at most ${MAX_TAGS} tags can be searched for`);
  return tags;
}

function parsed(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = text === '' ? {} : JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new BadParameter("malformed 'tags' parameter, it must be a JSON object of texts");
}

/** Whether one of the trace's spans is all that is searched for. */
export function matches(trace: Trace, search: Search): boolean {
  for (const span of trace.spans.values()) if (isFound(span, search)) return true;
  return false;
}

function isFound(span: Span, search: Search): boolean {
  if (span.resource.service !== search.service) return false;
  if (search.operation !== undefined && span.name !== search.operation) return false;
  const startUs = micros(span.startMs);
  if (startUs < search.startUs || startUs > search.endUs) return false;
  const tookUs = micros(durationMs(span));
  if (tookUs < search.minDurationUs || tookUs > search.maxDurationUs) return false;
  if (search.tags.size === 0) return true;
  const tags = [...spanTags(span), ...Array.from(span.resource.attributes, ([key, value]) => ({ key, value }))];
  for (const [key, value] of search.tags) {
    if (!tags.some((tag) => tag.key === key && String(tag.value) === value)) return false;
  }
  return true;
}
