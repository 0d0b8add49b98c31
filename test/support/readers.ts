/** An event as a reference consumer's parser leaves it. */
export interface ReadEvent {
  id: string;
  source: string;
  version: string;
  values: { resource: string; dataType: string; valueType: string; value: string }[];
}

type Names = readonly [resource: string, dataType: string, valueType: string];

const OLD: Names = ['resource', 'dataType', 'valueType'];
const NEW: Names = ['ResourceAddress', 'data_type', 'value_type'];

/** The parse rules of consumers built for release 4.14 and 4.15: they know only the old names. */
export const read414 = (body: string): ReadEvent => read(body, [OLD]);

/** The parse rules of consumers built for 4.16 to 4.18: they know either set of names. */
export const read416 = (body: string): ReadEvent => read(body, [NEW, OLD]);

function read(body: string, known: readonly Names[]): ReadEvent {
  const { id, type, source, dataContentType, time, data } = JSON.parse(body) as Record<string, unknown>;
  for (const [name, text] of Object.entries({ id, type, source, dataContentType, time })) {
    if (typeof text !== 'string' || text === '') throw new Error(`${name} is no text`);
  }
  if (Number.isNaN(Date.parse(String(time)))) throw new Error(`time is no RFC 3339 time: ${String(time)}`);
  const { version, values } = data as { version: unknown; values: unknown };
  if (typeof version !== 'string' || !Array.isArray(values)) throw new Error('data has no version or no values');
  return { id: String(id), source: String(source), version, values: values.map((value) => readValue(value, known)) };
}

/** Members that a reader does not know are skipped; one that it needs and does not find makes the event unreadable. */
function readValue(value: unknown, known: readonly Names[]): ReadEvent['values'][0] {
  const members = value as Record<string, unknown>;
  const names = known.find((set) => set.every((name) => typeof members[name] === 'string'));
  if (names === undefined) throw new Error(`none of the known names in ${JSON.stringify(value)}`);
  const [resource, dataType, valueType] = names.map((name) => String(members[name])) as [string, string, string];
  // Their parsers crash on a JSON number.
  if (typeof members['value'] !== 'string') throw new Error('value is no text');
  if (!['enumeration', 'decimal64.3', 'redfish-event'].includes(valueType)) throw new Error(`value type ${valueType}`);
  return { resource, dataType, valueType, value: members['value'] };
}
