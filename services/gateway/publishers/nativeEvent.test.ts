import { NotAnEvent, readNativeEvent } from './nativeEvent.js';

const ABOUT = { node: 'n1', path: '/sync/ptp-status/lock-state', type: 'event.sync.ptp-status.ptp-state-change' };
const NOW = Date.parse('2026-03-01T12:00:00.5Z');
const oldNames = {
  resource: '/cluster/node/n1/ens1fx/master',
  dataType: 'notification',
  valueType: 'enumeration',
  value: 'LOCKED',
};
const newNames = {
  ResourceAddress: '/cluster/node/n1/ens1fx/master',
  data_type: 'metric',
  value_type: 'decimal64.3',
  value: '-17',
};
const event = {
  id: 'p1',
  type: ABOUT.type,
  source: '/cluster/node/n1/sync/ptp-status/lock-state',
  dataContentType: 'application/json',
  time: '2026-03-01T13:00:00.123456789+01:00',
  data: { version: 'v1', values: [oldNames, newNames] },
};

describe('readNativeEvent', () => {
  it('gives the names of the bus and UTC', () => {
    expect(readNativeEvent(event, ABOUT, NOW)).toEqual({
      time: '2026-03-01T12:00:00.123Z',
      data: {
        version: '1.0',
        values: [{ ...newNames, data_type: 'notification', value_type: 'enumeration', value: 'LOCKED' }, newNames],
      },
    });
  });

  it.each([undefined, null, ''])('takes the time of now and the own resource for %p', (absent) => {
    expect(readNativeEvent({ ...event, time: absent, source: absent }, ABOUT, NOW).time).toBe(
      '2026-03-01T12:00:00.500Z',
    );
  });

  const withValue = (more: object): object => ({ ...event, data: { values: [{ ...newNames, ...more }] } });
  it.each([
    ['another type', { ...event, type: 'event.sync.sync-status.synchronization-state-change' }, /"type"/],
    ['another source', { ...event, source: '/cluster/node/n2/sync/ptp-status/lock-state' }, /"source"/],
    ['a time of its own making', { ...event, time: 'yesterday' }, /RFC 3339/],
    ['an impossible time', { ...event, time: '2026-13-01T00:00:00Z' }, /RFC 3339/],
    ['no data', { ...event, data: undefined }, /data\.values/],
    ['no values', { ...event, data: { values: [] } }, /1 to 64/],
    ['too many values', { ...event, data: { values: Array.from({ length: 65 }, () => newNames) } }, /1 to 64/],
    ['null for a value', { ...event, data: { values: [null] } }, /data\.values\[0\]/],
    ['a numeric value', withValue({ value: 17 }), /a text "value"/],
    ['exponent form', withValue({ value: '1e+06' }), /plain number/],
    ['no state word', withValue({ data_type: 'notification', value_type: 'enumeration', value: 'fine' }), /state word/],
    ['kinds that do not fit', withValue({ value_type: 'enumeration' }), /decimal64\.3/],
    ['the address of another node', withValue({ ResourceAddress: '/cluster/node/n10/x' }), /begin with/],
    ['an endless address', withValue({ ResourceAddress: `/cluster/node/n1/${'x'.repeat(600)}` }), /512/],
  ])('refuses %s', (_, body, reason) => {
    const read = (): unknown => readNativeEvent(body as Record<string, unknown>, ABOUT, NOW);
    expect(read).toThrow(NotAnEvent);
    expect(read).toThrow(reason);
  });
});
