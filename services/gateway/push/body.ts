import type { CurrentStateEvent, EventData as RestData, PushedEvent } from '../../shared/contract/rest-v1.js';
import type { PtpEvent } from '../../shared/event.js';
import type { EventData, Value } from '../../shared/messages.js';
import type { LoggedEvent } from '../delivery/log.js';
import type { DataVersion } from '../subscriptions/record.js';

/**
 * `data` with the names a reader knows. Readers built for 4.14 and 4.15 know only the old names, later ones either or
 * only the new ones, and all skip members they do not know: `both` fits everybody.
 */
export function restData(data: EventData, names: DataVersion): RestData {
  return { version: names === 'v1' ? 'v1' : '1.0', values: data.values.map((value) => restValue(value, names)) };
}

function restValue(
  { ResourceAddress, data_type, value_type, value }: Value,
  names: DataVersion,
): RestData['values'][0] {
  const newNames = { ResourceAddress, data_type, value_type };
  const oldNames = { resource: ResourceAddress, dataType: data_type, valueType: value_type };
  // The kinds of data are checked where events enter; here only their names change.
  return {
    ...(names !== 'v1' && newNames),
    ...(names !== '1.0' && oldNames),
    value,
  } as RestData['values'][0];
}

/** What a consumer is sent for an event. */
export function pushedEvent(event: PtpEvent, names: DataVersion): PushedEvent {
  return {
    id: event.id,
    type: event.type,
    source: event.source,
    dataContentType: 'application/json',
    time: event.time,
    data: restData(event.data, names),
  };
}

/** What is posted for a delivery. An event may go to thousands of subscriptions: its bodies are kept while it is delivered. */
export function bodyOf(
  { event, logged }: { event: PtpEvent; logged: LoggedEvent | undefined },
  names: DataVersion,
): Buffer {
  if (logged === undefined) return encodeBody(event, names);
  logged.bodies ??= {};
  return (logged.bodies[names] ??= encodeBody(event, names));
}

/**
 * The JSON of `pushedEvent`, written by hand: it is made once for each event, and JSON.stringify of the objects takes three
 * times as long.
 */
function encodeBody(event: PtpEvent, names: DataVersion): Buffer {
  const { id, type, source, time, data } = event;
  let values = '';
  for (const { ResourceAddress, data_type, value_type, value } of data.values) {
    const [address, dataType, valueType] = [text(ResourceAddress), text(data_type), text(value_type)];
    values += values === '' ? '{' : ',{';
    if (names !== 'v1') values += `"ResourceAddress":${address},"data_type":${dataType},"value_type":${valueType},`;
    if (names !== '1.0') values += `"resource":${address},"dataType":${dataType},"valueType":${valueType},`;
    values += `"value":${text(value)}}`;
  }
  const version = names === 'v1' ? 'v1' : '1.0';
  const head = `{"id":${text(id)},"type":${text(type)},"source":${text(source)},"dataContentType":"application/json"`;
  return Buffer.from(`${head},"time":${text(time)},"data":{"version":"${version}","values":[${values}]}}`, 'utf8');
}

const text = (value: string): string => JSON.stringify(value);

/** What CurrentState answers: a CloudEvent in the form v1 clients know, `source` without the node, `subject` with it. */
export function currentStateEvent(
  state: { resource: string; type: string; data: EventData },
  { id, time, subject, names }: { id: string; time: string; subject: string; names: DataVersion },
): CurrentStateEvent {
  return {
    specversion: '0.3',
    id,
    source: state.resource,
    type: state.type,
    subject,
    datacontenttype: 'application/json',
    time,
    data: restData(state.data, names),
  };
}
