import { CloudEvent } from 'cloudevents';
import { dataMistake, resourceAt } from './eventData.js';
import { excerpt } from './excerpt.js';
import { isId, isTime } from './messageForms.js';
import type { EventData } from './messages.js';
import { randomHex } from './randomHex.js';

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

/** An event as it is read from the bus: CloudEvents 1.0, with the two extensions of proto/bus.yaml. */
export type PtpEvent = EventFields;

/** Largest event the gateway reads from the bus, in bytes; a real one has less than 2 kB. */
export const MAX_EVENT_BYTES = 65_536;

/** Builds an event and checks it against the CloudEvents schema. Throws ValidationError of `cloudevents`. */
export function makeEvent(fields: EventFields): CloudEvent<EventData> & EventFields {
  return new CloudEvent<EventData>({ ...fields, datacontenttype: 'application/json' }) as CloudEvent<EventData> &
    EventFields;
}

/** A creation context (W3C Trace Context), not sampled: whoever traces the event may decide otherwise. */
export const newTraceparent = (): string => `00-${randomHex(16)}-${randomHex(8)}-00`;

/** Structured JSON (content type application/cloudevents+json), readable with a plain `nats sub`. */
export function encodeEvent(event: CloudEvent<EventData>): string {
  return JSON.stringify(event);
}

/** The same as `encodeEvent(makeEvent(fields))`, for fields that the program itself has made: they need no check. */
export function encodeOwnEvent({ id, source, type, time, sequence, traceparent, data }: EventFields): string {
  const [specversion, datacontenttype] = ['1.0', 'application/json'];
  return JSON.stringify({ id, time, type, source, specversion, datacontenttype, sequence, traceparent, data });
}

/** It becomes an HTTP header as it is. */
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

const SEQUENCE = /^\d{1,16}$/;

/** Whether a text is a traceparent of W3C Trace Context. */
export const isTraceparent = (text: string): boolean => TRACEPARENT.test(text);

/** What was wrong with a message on ptp.events.>. */
export class BadEvent extends Error {
  override name = 'BadEvent';
}

/**
 * Reads an event from the bus. The bus may carry anything that somebody with the right to publish has written, so
 * everything a consumer relies on is checked. (By hand: the library's schema takes longer than all the rest of a
 * delivery, and a source of the right resource is a URI.) Throws BadEvent that says what is wrong.
 * @param bytes the message
 * @param source what `source` must be, derived from the message's subject
 */
export function decodeEvent(bytes: Uint8Array, source: string): PtpEvent {
  if (bytes.length > MAX_EVENT_BYTES) throw new BadEvent(`${bytes.length} bytes, at most ${MAX_EVENT_BYTES} are read`);
  let read: unknown;
  try {
    read = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch (err) {
    throw new BadEvent('not JSON', { cause: err });
  }
  return checkedEvent(read, source);
}

/**
 * What somebody else has sent as an event, once it is known to be one of its resource: consumers lose what they cannot
 * read. Throws BadEvent that says what is wrong.
 * @param source full address of the resource that it must be about
 */
export function checkedEvent(read: unknown, source: string): PtpEvent {
  const event = (read ?? {}) as Partial<EventFields> & { specversion?: unknown };
  const { id, type, time, sequence, traceparent, data } = event;
  if (event.specversion !== '1.0') throw new BadEvent('not a CloudEvent 1.0: specversion must be "1.0"');
  if (typeof id !== 'string' || !isId(id)) throw new BadEvent('not a CloudEvent: id must be 1 to 256 characters');
  const resource = resourceAt(source);
  if (resource === undefined) throw new BadEvent(`${source} is no event resource`);
  if (type !== resource.type) throw new BadEvent(`type of an event of ${source} must be ${resource.type}`);
  if (typeof time !== 'string' || !isTime(time)) throw new BadEvent('not a CloudEvent: time must be RFC 3339');
  if (event.source !== source) throw new BadEvent(`source ${shown(event.source)} on the subject of ${source}`);
  if (typeof sequence !== 'string' || !SEQUENCE.test(sequence) || !Number.isSafeInteger(Number(sequence))) {
    throw new BadEvent(`sequence must be decimal and at most 2^53 - 1, got ${shown(sequence)}`);
  }
  if (typeof traceparent !== 'string' || !TRACEPARENT.test(traceparent)) {
    throw new BadEvent('traceparent must be one of W3C Trace Context');
  }
  const wrong = dataMistake(data, resource);
  if (wrong !== undefined) throw new BadEvent(`data ${wrong}`);
  return { id, source, type, time, sequence, traceparent, data: data as EventData };
}

const shown = (value: unknown): string => (typeof value === 'string' ? excerpt(value) : typeof value);
