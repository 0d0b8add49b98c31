import fc from 'fast-check';
import { read414, read416 } from '../../../test/support/readers.js';
import { makeEvent, newTraceparent, type PtpEvent } from '../../shared/event.js';
import { bodyOf, pushedEvent } from './body.js';

const address = '/cluster/node/n1/ens1fx/master';
const event = makeEvent({
  id: '0e4f9f4e-5f5b-4d55-a1a5-3a7c1d5b8a11',
  source: '/cluster/node/n1/sync/ptp-status/lock-state',
  type: 'event.sync.ptp-status.ptp-state-change',
  time: '2026-03-01T12:00:00.123Z',
  sequence: '42',
  traceparent: newTraceparent(),
  data: {
    version: '1.0',
    values: [
      { ResourceAddress: address, data_type: 'notification', value_type: 'enumeration', value: 'LOCKED' },
      { ResourceAddress: address, data_type: 'metric', value_type: 'decimal64.3', value: '9007199254740993' },
    ],
  },
});
const expected = [
  { resource: address, dataType: 'notification', valueType: 'enumeration', value: 'LOCKED' },
  { resource: address, dataType: 'metric', valueType: 'decimal64.3', value: '9007199254740993' },
];

describe('a pushed event', () => {
  it.each([
    ['both', 'readers of 4.14', read414, '1.0'],
    ['both', 'readers of 4.16', read416, '1.0'],
    ['v1', 'readers of 4.14', read414, 'v1'],
    ['v1', 'readers of 4.16', read416, 'v1'],
    ['1.0', 'readers of 4.16', read416, '1.0'],
  ] as const)('with the names %s is understood by %s', (names, _, read, version) => {
    const understood = read(JSON.stringify(pushedEvent(event, names)));
    expect(understood).toEqual({ id: event.id, source: event.source, version, values: expected });
  });

  it('has the new names alone only for those who ask for them', () => {
    expect(() => read414(JSON.stringify(pushedEvent(event, '1.0')))).toThrow(/known names/);
  });

  it('is posted as it is, whatever its texts are', () => {
    const value = fc.record({ ResourceAddress: fc.string({ unit: 'binary' }), value: fc.string({ unit: 'binary' }) });
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 3 }),
        fc.string({ unit: 'binary' }),
        fc.constantFrom('both', 'v1', '1.0'),
        (values, id, names) => {
          const [known] = event.data.values;
          const data = { version: '1.0', values: values.map((one) => ({ ...known, ...one })) } as typeof event.data;
          const other: PtpEvent = { ...(event.toJSON() as unknown as PtpEvent), id, data };
          const body = bodyOf({ event: other, logged: undefined }, names).toString('utf8');
          expect(JSON.parse(body)).toEqual(
            JSON.parse(Buffer.from(JSON.stringify(pushedEvent(other, names))).toString('utf8')),
          );
        },
      ),
    );
  });
});
