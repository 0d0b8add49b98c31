import { BadEvent, decodeEvent, encodeEvent, encodeOwnEvent, makeEvent, MAX_EVENT_BYTES } from './event.js';

const SOURCE = '/cluster/node/n1/sync/ptp-status/lock-state';
const fields = {
  id: '0e4f9f4e-5f5b-4d55-a1a5-3a7c1d5b8a11',
  source: SOURCE,
  type: 'event.sync.ptp-status.ptp-state-change',
  time: '2026-03-01T12:00:00.123Z',
  sequence: '42',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00',
  data: {
    version: '1.0',
    values: [
      {
        ResourceAddress: '/cluster/node/n1/ens1fx/master',
        data_type: 'notification',
        value_type: 'enumeration',
        value: 'LOCKED',
      },
    ],
  },
};
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('an event on the bus', () => {
  it('is CloudEvents 1.0 JSON with the attributes of the contract', () => {
    expect(JSON.parse(encodeEvent(makeEvent(fields)))).toEqual({
      specversion: '1.0',
      datacontenttype: 'application/json',
      ...fields,
    });
  });

  it('is the same when the program itself has made its fields', () => {
    expect(JSON.parse(encodeOwnEvent(fields))).toEqual(JSON.parse(encodeEvent(makeEvent(fields))));
  });

  it('comes back as it was', () => {
    expect(decodeEvent(bytes(encodeEvent(makeEvent(fields))), SOURCE)).toMatchObject(fields);
  });

  it.each([
    ['not JSON', '{"id":', /not JSON/],
    ['no object', '7', /CloudEvent/],
    ['no CloudEvent', '{"id":"1"}', /CloudEvent/],
    [
      'the event of another resource',
      JSON.stringify({ specversion: '1.0', ...fields, source: '/elsewhere' }),
      /source/,
    ],
    ['an event without a sequence', JSON.stringify({ specversion: '1.0', ...fields, sequence: '4x' }), /sequence/],
    [
      'one with a bad trace',
      JSON.stringify({ specversion: '1.0', ...fields, traceparent: 'x\r\ny: z' }),
      /traceparent/,
    ],
    [
      'an event without values',
      JSON.stringify({ specversion: '1.0', ...fields, data: { version: '1.0', values: [] } }),
      /data/,
    ],
    [
      'a numeric value',
      JSON.stringify({
        specversion: '1.0',
        ...fields,
        data: { version: '1.0', values: [{ ...fields.data.values[0], value: 7 }] },
      }),
      /data/,
    ],
    [
      'one with a sequence that no double holds',
      JSON.stringify({ specversion: '1.0', ...fields, sequence: '9'.repeat(16) }),
      /sequence/,
    ],
    [
      'one whose source is no text',
      `${JSON.stringify({ specversion: '1.0', ...fields }).slice(0, -1)},"source":{"toString":1}}`,
      /source object/,
    ],
    ['too long a message', ' '.repeat(MAX_EVENT_BYTES + 1), /bytes/],
  ])('is refused when it is %s', (_, text, reason) => {
    expect(() => decodeEvent(bytes(text), SOURCE)).toThrow(BadEvent);
    expect(() => decodeEvent(bytes(text), SOURCE)).toThrow(reason);
  });

  const change = (more: object): Uint8Array => bytes(JSON.stringify({ specversion: '1.0', ...fields, ...more }));
  const withValue = (more: object): Uint8Array =>
    change({ data: { version: '1.0', values: [{ ...fields.data.values[0], ...more }] } });
  const metric = { data_type: 'metric', value_type: 'decimal64.3' };

  it.each([
    ['of another type', change({ type: 'event.sync.sync-status.synchronization-state-change' })],
    ['without a type', change({ type: '' })],
    ['of a time in words', change({ time: 'Sun Mar 01 2026 12:00:00 GMT' })],
    ['of a date alone', change({ time: '2026-03-01' })],
    ['of a time without a zone', change({ time: '2026-03-01T12:00:00' })],
    ['of the 30th of February', change({ time: '2026-02-30T12:00:00Z' })],
    ['of 24 o’clock', change({ time: '2026-02-28T24:00:00Z' })],
    ['with a word of another resource', withValue({ value: 'SYNCHRONIZED' })],
    ['with a word of nobody', withValue({ value: 'locked' })],
    ['with a number as its word', withValue({ value: '7' })],
    ['with a word as its number', withValue({ ...metric, value: 'LOCKED' })],
    ['with a number in exponent form', withValue({ ...metric, value: '1e+06' })],
    ['with a number that is none', withValue({ ...metric, value: 'NaN' })],
    ['with kinds that do not fit', withValue({ value_type: 'decimal64.3' })],
    ['with a kind of nobody', withValue({ data_type: 'event' })],
    ['with an address that is no text', withValue({ ResourceAddress: 7 })],
  ])('is refused %s: its consumer could not read it', (_, message) => {
    expect(() => decodeEvent(message, SOURCE)).toThrow(BadEvent);
  });

  it.each([
    ['sync/gnss-status/gnss-sync-status', 'event.sync.gnss-status.gnss-state-change', 'ACQUIRING-SYNC', {}],
    ['sync/ptp-status/ptp-clock-class-change', 'event.sync.ptp-status.ptp-clock-class-change', '248', metric],
    ['sync/synce-status/lock-state', 'event.sync.synce-status.synce-state-change', 'HOLDOVER', metric],
    ['canary', 'event.canary', 'OK', {}],
  ])('of %s is taken with its own words and kinds', (path, type, value, kinds) => {
    const source = `/cluster/node/n1.example.com/${path}`;
    const data = { version: '1.0', values: [{ ...fields.data.values[0], value, ...kinds }] };
    expect(decodeEvent(change({ source, type, data }), source).data).toEqual(data);
  });

  it('of an unknown resource is refused', () => {
    const source = '/cluster/node/n1/sync/ptp-status/tomorrow';
    expect(() => decodeEvent(change({ source }), source)).toThrow(/no event resource/);
  });
});
