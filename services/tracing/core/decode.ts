import {
  Attributes,
  spanBytes,
  type AttributeValue,
  type Link,
  type Resource,
  type Span,
  type SpanEvent,
} from './span.js';

/** A span that has more is rejected; OpenTelemetry SDKs have the same limits. */
const MAX_ATTRIBUTES = 128;
const MAX_EVENTS = 128;
const MAX_LINKS = 128;
/** A span that takes more memory is rejected. */
export const MAX_SPAN_BYTES = 65_536;
/** Lists within lists of an attribute. */
const MAX_DEPTH = 8;

/** How the encodings write what they write differently. Each gives undefined for what is none. */
export interface Leaves {
  /** An id of so many bytes, as hex digits; empty for an absent one. */
  id(value: unknown, bytes: number): string | undefined;
  /** A 64-bit integer; one that is no safe JavaScript number as decimal text. */
  integer(value: unknown): number | string | undefined;
  /** ns since 1970 as ms; 0 for an absent time. */
  timeMs(value: unknown): number | undefined;
  /** base64. */
  bytes(value: unknown): string | undefined;
}

/** What a request has brought. */
export interface Decoded {
  spans: Span[];
  /** Why spans were rejected, and how many each. */
  rejected: Map<string, number>;
}

/** What is no export request at all. */
export class Malformed extends Error {
  override name = 'Malformed';
}

type Fields = Record<string, unknown>;

/**
 * Reads an ExportTraceServiceRequest in either encoding: parsed JSON, or a message of protobufjs. A bad span is rejected
 * and taken out of the request, the others are read. Throws Malformed.
 */
export function decodeRequest(request: unknown, leaves: Leaves): Decoded {
  const decoded: Decoded = { spans: [], rejected: new Map() };
  for (const resourceSpans of objects(fields(request)['resourceSpans'], 'resourceSpans')) {
    const resource = readResource(resourceSpans['resource'], leaves);
    for (const scopeSpans of objects(resourceSpans['scopeSpans'], 'scopeSpans')) {
      const scope = textOr(isFields(scopeSpans['scope']) ? scopeSpans['scope']['name'] : undefined, '');
      const good = list(scopeSpans['spans'], 'spans').filter((raw) => {
        const span = resource === undefined ? 'bad resource attributes' : readSpan(raw, resource, scope ?? '', leaves);
        if (typeof span !== 'string') return decoded.spans.push(span) > 0;
        decoded.rejected.set(span, (decoded.rejected.get(span) ?? 0) + 1);
        return false;
      });
      scopeSpans['spans'] = good;
    }
  }
  return decoded;
}

/** A span, or why it is none. */
function readSpan(raw: unknown, resource: Resource, scope: string, leaves: Leaves): Span | string {
  if (!isFields(raw)) return 'not an object';
  const traceId = leaves.id(raw['traceId'], 16);
  if (!traceId) return 'trace id is not 16 bytes, or all zero';
  const spanId = leaves.id(raw['spanId'], 8);
  if (!spanId) return 'span id is not 8 bytes, or all zero';
  const parentSpanId = leaves.id(raw['parentSpanId'], 8);
  if (parentSpanId === undefined) return 'parent span id is not 8 bytes, or all zero';
  const startMs = leaves.timeMs(raw['startTimeUnixNano']);
  const endMs = leaves.timeMs(raw['endTimeUnixNano']);
  if (!startMs || !endMs) return 'start or end time is missing, or no time';
  const attributes = readAttributes(raw['attributes'], leaves);
  if (attributes === undefined) return `attributes are malformed, or more than ${MAX_ATTRIBUTES}`;
  const events = readEvents(raw['events'], leaves);
  if (events === undefined) return `events are malformed, or more than ${MAX_EVENTS}`;
  const links = readLinks(raw['links'], leaves);
  if (links === undefined) return `links are malformed, or more than ${MAX_LINKS}`;
  const name = textOr(raw['name'], '');
  const status = isFields(raw['status']) ? raw['status'] : {};
  const statusMessage = textOr(status['message'], '');
  if (name === undefined || statusMessage === undefined) return 'name or status message is no text';
  const span = {
    traceId,
    spanId,
    parentSpanId,
    name: shared(name),
    kind: word(KINDS, raw['kind']) ?? 'internal',
    startMs,
    endMs,
    attributes,
    events,
    links,
    status: word(STATUSES, status['code']) ?? 'unset',
    statusMessage,
    scope,
    resource,
  };
  const bytes = spanBytes(span);
  return bytes <= MAX_SPAN_BYTES ? { ...span, bytes } : `more than ${MAX_SPAN_BYTES} bytes`;
}

const KINDS = ['internal', 'internal', 'server', 'client', 'producer', 'consumer'] as const;
const STATUSES = ['unset', 'ok', 'error'] as const;

/** Enums are numbers, also in OTLP's JSON; one that is not known counts as absent. */
const word = <Word>(words: readonly Word[], value: unknown): Word | undefined =>
  typeof value === 'number' ? words[value] : undefined;

/** undefined when its attributes are no attributes. */
function readResource(raw: unknown, leaves: Leaves): Resource | undefined {
  const attributes = readAttributes(isFields(raw) ? raw['attributes'] : undefined, leaves);
  if (attributes === undefined) return undefined;
  return {
    service: attributes.text('service.name') || 'unknown_service',
    instance: attributes.text('service.instance.id') ?? '',
    attributes,
  };
}

function readEvents(raw: unknown, leaves: Leaves): SpanEvent[] | undefined {
  return each(raw, MAX_EVENTS, (event) => {
    const attributes = readAttributes(event['attributes'], leaves);
    const name = textOr(event['name'], '');
    const atMs = leaves.timeMs(event['timeUnixNano']);
    return attributes && name !== undefined && atMs !== undefined ? { name, atMs, attributes } : undefined;
  });
}

function readLinks(raw: unknown, leaves: Leaves): Link[] | undefined {
  return each(raw, MAX_LINKS, (link) => {
    const traceId = leaves.id(link['traceId'], 16);
    const spanId = leaves.id(link['spanId'], 8);
    return traceId && spanId ? { traceId, spanId } : undefined;
  });
}

function readAttributes(raw: unknown, leaves: Leaves): Attributes | undefined {
  const entries = each(raw, MAX_ATTRIBUTES, (entry): [string, AttributeValue] | undefined => {
    const key = textOr(entry['key'], '');
    const value = readAny(entry['value'], leaves, 0);
    if (key === undefined || value === undefined) return undefined;
    return [shared(key), isPlain(value) ? value : JSON.stringify(value)];
  });
  return entries && new Attributes(entries);
}

/** An AnyValue as JSON would have it; undefined for what is none. One that is empty is an empty text. */
function readAny(raw: unknown, leaves: Leaves, depth: number): unknown {
  if (depth > MAX_DEPTH) return undefined;
  if (raw === undefined || raw === null) return '';
  if (!isFields(raw)) return undefined;
  const has = (name: string): boolean => Object.hasOwn(raw, name) && raw[name] !== null;
  if (has('stringValue')) return textOr(raw['stringValue'], '');
  if (has('boolValue')) return typeof raw['boolValue'] === 'boolean' ? raw['boolValue'] : undefined;
  if (has('intValue')) return leaves.integer(raw['intValue']);
  if (has('doubleValue')) return readDouble(raw['doubleValue']);
  if (has('bytesValue')) return leaves.bytes(raw['bytesValue']);
  if (has('arrayValue')) {
    const values = isFields(raw['arrayValue']) ? raw['arrayValue']['values'] : undefined;
    return each(values, Infinity, (value) => readAny(value, leaves, depth + 1));
  }
  if (has('kvlistValue')) {
    const values = isFields(raw['kvlistValue']) ? raw['kvlistValue']['values'] : undefined;
    const entries = each(values, Infinity, (entry): [string, unknown] | undefined => {
      const key = textOr(entry['key'], '');
      const value = readAny(entry['value'], leaves, depth + 1);
      return key === undefined || value === undefined ? undefined : [key, value];
    });
    return entries && Object.fromEntries(entries);
  }
  return '';
}

/** JSON has words for what is no number; so have we, everywhere: it must not become null on its way out. */
function readDouble(value: unknown): number | string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  return value === 'NaN' || value === 'Infinity' || value === '-Infinity' ? value : undefined;
}

/** Every member of a list read; undefined when it is no list, too long, or has a member that cannot be read. */
function each<T>(raw: unknown, limit: number, read: (one: Fields) => T | undefined): T[] | undefined {
  if (raw === undefined || raw === null) return [];
  if (!Array.isArray(raw) || raw.length > limit) return undefined;
  const all: T[] = [];
  for (const one of raw as unknown[]) {
    const value = isFields(one) ? read(one) : undefined;
    if (value === undefined) return undefined;
    all.push(value);
  }
  return all;
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isPlain = (value: unknown): value is AttributeValue =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

function fields(value: unknown): Fields {
  if (isFields(value)) return value;
  throw new Malformed('the request is not an object');
}

function list(value: unknown, name: string): unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value as unknown[];
  throw new Malformed(`${name} is not a list`);
}

const objects = (value: unknown, name: string): Fields[] =>
  list(value, name).map((one) => {
    if (isFields(one)) return one;
    throw new Malformed(`${name} has a member that is not an object`);
  });

/** A text, `fallback` for an absent one, undefined for anything else. */
function textOr(value: unknown, fallback: string): string | undefined {
  if (value === undefined || value === null) return fallback;
  return typeof value === 'string' ? value : undefined;
}

/** Names and keys come again and again: one copy of each is enough, of the first so many. */
const SHARED = new Map<string, string>();
const MAX_SHARED = 2_000;
const MAX_SHARED_LENGTH = 100;

function shared(text: string): string {
  const known = SHARED.get(text);
  if (known !== undefined) return known;
  if (SHARED.size < MAX_SHARED && text.length <= MAX_SHARED_LENGTH) SHARED.set(text, text);
  return text;
}
