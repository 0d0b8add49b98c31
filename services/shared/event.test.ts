import { BadEvent, decodeEvent, encodeEvent, makeEvent, MAX_EVENT_BYTES } from './event.js';

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
    ['too long a message', ' '.repeat(MAX_EVENT_BYTES + 1), /bytes/],
  ])('is refused when it is %s', (_, text, reason) => {
    expect(() => decodeEvent(bytes(text), SOURCE)).toThrow(BadEvent);
    expect(() => decodeEvent(bytes(text), SOURCE)).toThrow(reason);
  });
});
