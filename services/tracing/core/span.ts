/** What an attribute says. Lists, key-value lists and bytes are kept as text: JSON, or base64. */
export type AttributeValue = string | number | boolean;

/** Attributes of a span, its resource or an event: few, so a list is smaller than a map and no slower. */
export class Attributes {
  /** key, value, key, value, … */
  readonly #flat: readonly AttributeValue[];

  constructor(entries: readonly (readonly [string, AttributeValue])[] = []) {
    this.#flat = entries.flat();
  }

  get size(): number {
    return this.#flat.length / 2;
  }

  /** Of a key that is there twice, the last value. */
  get(key: string): AttributeValue | undefined {
    for (let at = this.#flat.length - 2; at >= 0; at -= 2) if (this.#flat[at] === key) return this.#flat[at + 1];
    return undefined;
  }

  text(key: string): string | undefined {
    const value = this.get(key);
    return typeof value === 'string' ? value : undefined;
  }

  number(key: string): number | undefined {
    const value = this.get(key);
    return typeof value === 'number' ? value : undefined;
  }

  *[Symbol.iterator](): Generator<[string, AttributeValue]> {
    for (let at = 0; at < this.#flat.length; at += 2) {
      yield [String(this.#flat[at]), this.#flat[at + 1] as AttributeValue];
    }
  }
}

/** Who made a span. */
export interface Resource {
  /** `service.name`. */
  service: string;
  /** `service.instance.id`; empty when it has none. */
  instance: string;
  attributes: Attributes;
}

export type SpanKind = 'internal' | 'server' | 'client' | 'producer' | 'consumer';

/** A span as this service keeps it, whatever encoding it came in. Its content is a stranger's: nothing in it is trusted. */
export interface Span {
  /** 32 hex digits, lower case. */
  traceId: string;
  /** 16 hex digits, lower case. */
  spanId: string;
  /** Empty: it has no parent. */
  parentSpanId: string;
  name: string;
  kind: SpanKind;
  /** ms since 1970 by its service's clock, with a fraction. The end may lie before the start. */
  startMs: number;
  endMs: number;
  attributes: Attributes;
  events: readonly SpanEvent[];
  links: readonly Link[];
  status: 'unset' | 'ok' | 'error';
  statusMessage: string;
  /** Name of the instrumentation scope. */
  scope: string;
  resource: Resource;
  /** Memory that it takes, estimated: never less than it does. */
  bytes: number;
}

export interface SpanEvent {
  name: string;
  atMs: number;
  attributes: Attributes;
}

export interface Link {
  traceId: string;
  spanId: string;
}

/** How long a span took; never negative. */
export const durationMs = ({ startMs, endMs }: Span): number => Math.max(0, endMs - startMs);

/** The id of the event that a span is about, if it is about one. */
export const eventIdOf = ({ attributes }: Span): string | undefined =>
  attributes.text('messaging.message.id') ?? attributes.text('cloudevents.event_id');

// Bytes of V8's objects, measured; see the test.
const SPAN_BYTES = 640;
const PART_BYTES = 200;
const ATTRIBUTE_BYTES = 40;
const TEXT_BYTES = 24;

/** Memory of a text: V8 takes two bytes for every character of a text that is not all Latin. */
export const textBytes = (text: string): number =>
  TEXT_BYTES + (Buffer.byteLength(text) === text.length ? text.length : 2 * text.length);

function attributesBytes(attributes: Attributes): number {
  let bytes = 0;
  for (const [key, value] of attributes) {
    bytes += ATTRIBUTE_BYTES + textBytes(key) + (typeof value === 'string' ? textBytes(value) : 0);
  }
  return bytes;
}

/** Estimates a span's memory. Its resource counts in full, though the spans of one request share it. */
export function spanBytes(span: Omit<Span, 'bytes'>): number {
  let bytes = SPAN_BYTES + textBytes(span.name) + textBytes(span.statusMessage) + textBytes(span.scope);
  bytes += attributesBytes(span.attributes) + attributesBytes(span.resource.attributes);
  for (const { name, attributes } of span.events) bytes += PART_BYTES + textBytes(name) + attributesBytes(attributes);
  return bytes + span.links.length * PART_BYTES;
}
