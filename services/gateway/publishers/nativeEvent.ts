import { dataMistake, resourceOfPath } from '../../shared/eventData.js';
import { isTime } from '../../shared/messageForms.js';
import type { EventData, Value } from '../../shared/messages.js';
import { resourceAddress } from '../../shared/subjects.js';

/** A body of POST /create/event that is no event of its publisher; the message says what would be. */
export class NotAnEvent extends Error {
  override name = 'NotAnEvent';
}

/** What an event must be about. */
export interface Announced {
  node: string;
  path: string;
  /** The resource's event type in proto/bus.yaml. */
  type: string;
}

const MAX_VALUES = 64;
const MAX_ADDRESS = 512;
const VALUE_TYPES: Record<string, string> = { notification: 'enumeration', metric: 'decimal64.3' };
const WORD = /^[A-Z][A-Z0-9-]{0,63}$/;
const NUMBER = /^-?\d{1,19}(\.\d{1,3})?$/;

/**
 * Reads a v1 native event with either set of names, and gives what the bus carries of it. Everything that consumers
 * rely on is checked, as strictly as with events of a collector. Throws NotAnEvent.
 * @param now ms; the time of an event that says none
 */
export function readNativeEvent(
  body: Record<string, unknown>,
  about: Announced,
  now: number,
): { time: string; data: EventData } {
  const address = resourceAddress(about.node, about.path);
  const { type, source, time, data } = body;
  if (type !== about.type) throw new NotAnEvent(`"type" of an event of ${address} must be ${about.type}`);
  if (source !== undefined && source !== null && source !== '' && source !== address && source !== about.path) {
    throw new NotAnEvent(`"source" must be the publisher's resource, ${address}, or absent`);
  }
  const event = { time: readTime(time, now), data: readData(data, about.node) };
  const resource = resourceOfPath(about.path);
  const mistake = resource && dataMistake(event.data, resource);
  if (mistake !== undefined) throw new NotAnEvent(`"data" of an event of ${address} ${mistake}`);
  return event;
}

function readTime(time: unknown, now: number): string {
  if (time === undefined || time === null || time === '') return new Date(now).toISOString();
  const ms = typeof time === 'string' && isTime(time) ? Date.parse(time) : NaN;
  if (Number.isNaN(ms)) throw new NotAnEvent('"time" must be RFC 3339, for example 2026-03-01T12:00:00.123Z');
  return new Date(ms).toISOString();
}

function readData(data: unknown, node: string): EventData {
  const { values } = (data ?? {}) as { values?: unknown };
  if (!Array.isArray(values) || values.length === 0 || values.length > MAX_VALUES) {
    throw new NotAnEvent(`"data.values" must be a list of 1 to ${MAX_VALUES} values`);
  }
  return { version: '1.0', values: values.map((value, i) => readValue(value, `data.values[${i}]`, node)) };
}

function readValue(given: unknown, where: string, node: string): Value {
  const members = (given ?? {}) as Record<string, unknown>;
  const member = (newName: string, oldName: string): string => {
    const text = members[newName] ?? members[oldName];
    if (typeof text === 'string') return text;
    throw new NotAnEvent(`${where} must have a text "${newName}"${oldName === newName ? '' : ` (or "${oldName}")`}`);
  };
  const value: Value = {
    ResourceAddress: member('ResourceAddress', 'resource'),
    data_type: member('data_type', 'dataType'),
    value_type: member('value_type', 'valueType'),
    value: member('value', 'value'),
  };
  const prefix = resourceAddress(node, '/');
  if (!value.ResourceAddress.startsWith(prefix) || value.ResourceAddress.length > MAX_ADDRESS) {
    throw new NotAnEvent(
      `${where}: ResourceAddress must begin with ${prefix} and have at most ${MAX_ADDRESS} characters`,
    );
  }
  if (VALUE_TYPES[value.data_type] !== value.value_type) {
    throw new NotAnEvent(`${where} must be a notification with enumeration, or a metric with decimal64.3`);
  }
  if (!(value.data_type === 'metric' ? NUMBER : WORD).test(value.value)) {
    throw new NotAnEvent(`${where}: value must be a state word (LOCKED), or a plain number of a metric ("-17")`);
  }
  return value;
}
