import { randomBytes } from 'node:crypto';
import { CloudEvent } from 'cloudevents';
import type { EventData } from './messages.js';

/** What an event says, beside the attributes that are the same for all. */
export interface EventFields {
  /** Unique, no dots; also the Nats-Msg-Id. */
  id: string;
  /** Full resource address: /cluster/node/<node>/sync/… */
  source: string;
  /** CloudEvents type, from proto/bus.yaml. */
  type: string;
  /** RFC 3339, UTC, milliseconds: when the line was read. */
  time: string;
  /** Decimal, per node and resource, +1 per event, never falls. */
  sequence: string;
  /** W3C Trace Context: the creation context (CloudEvents distributed tracing extension). */
  traceparent: string;
  data: EventData;
}

/** An event as it travels on ptp.events.>: CloudEvents 1.0, with the two extensions of proto/bus.yaml. */
export type PtpEvent = CloudEvent<EventData> & EventFields;

/** Largest event the gateway reads from the bus, in bytes; a real one has less than 2 kB. */
export const MAX_EVENT_BYTES = 65_536;

/** Builds an event and checks it against the CloudEvents schema. Throws ValidationError of `cloudevents`. */
export function makeEvent(fields: EventFields): PtpEvent {
  return new CloudEvent<EventData>({ ...fields, datacontenttype: 'application/json' }) as PtpEvent;
}

/** A creation context (W3C Trace Context), not sampled: whoever traces the event may decide otherwise. */
export const newTraceparent = (): string =>
  `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-00`;

/** Structured JSON (content type application/cloudevents+json), readable with a plain `nats sub`. */
export function encodeEvent(event: PtpEvent): string {
  return JSON.stringify(event);
}

/** It becomes an HTTP header as it is. */
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Whether a text is a traceparent of W3C Trace Context. */
export const isTraceparent = (text: string): boolean => TRACEPARENT.test(text);

/** What was wrong with a message on ptp.events.>. */
export class BadEvent extends Error {
  override name = 'BadEvent';
}

/**
 * Reads an event from the bus. The bus may carry anything that somebody with the right to publish has written, so
 * everything a consumer relies on is checked. Throws BadEvent that says what is wrong.
 * @param bytes the message
 * @param source what `source` must be, derived from the message's subject
 */
export function decodeEvent(bytes: Uint8Array, source: string): PtpEvent {
  if (bytes.length > MAX_EVENT_BYTES) throw new BadEvent(`${bytes.length} bytes, at most ${MAX_EVENT_BYTES} are read`);
  let fields: Partial<EventFields>;
  let event: PtpEvent;
  try {
    fields = JSON.parse(Buffer.from(bytes).toString('utf8')) as Partial<EventFields>;
  } catch (err) {
    throw new BadEvent('not JSON', { cause: err });
  }
  try {
    event = new CloudEvent<EventData>(fields, true) as PtpEvent;
  } catch (err) {
    throw new BadEvent(`not a CloudEvent: ${err instanceof Error ? err.message : String(err)}`, { cause: err });
  }
  if (event.source !== source) throw new BadEvent(`source ${event.source} on the subject of ${source}`);
  if (!/^\d{1,20}$/.test(event.sequence ?? '')) throw new BadEvent(`sequence must be decimal, got ${event.sequence}`);
  if (!TRACEPARENT.test(event.traceparent ?? '')) throw new BadEvent('traceparent must be one of W3C Trace Context');
  if (!isEventData(event.data)) throw new BadEvent('data must be {version, values: [{ResourceAddress, …, value}]}');
  return event;
}

function isEventData(data: unknown): data is EventData {
  const { version, values } = (data ?? {}) as Partial<EventData>;
  return (
    typeof version === 'string' &&
    Array.isArray(values) &&
    values.length > 0 &&
    values.every((value: unknown) => {
      const { ResourceAddress, data_type, value_type, value: text } = (value ?? {}) as Record<string, unknown>;
      return [ResourceAddress, data_type, value_type, text].every((member) => typeof member === 'string');
    })
  );
}
