import fc from 'fast-check';
import { bus } from '../shared/contract/bus.js';
import { readNodeState, readTold } from './nodeState.js';
import { BadMessage } from './untrusted.js';

const { lockState, osClockSyncState, syncState, clockClass } = bus.resources;
const clock = { config: 'ptp4l.0.config', process: 'ptp4l', interface: 'ens1f0', state: 'LOCKED' };
const read = (...resources: unknown[]): unknown[] =>
  [...readNodeState(Buffer.from(JSON.stringify({ node: 'n1', resources })), 'n1')].map(
    ([path, { sequence, clocks }]) => [path, sequence, Object.fromEntries(clocks)],
  );
const overall = { values: [{ data_type: 'notification', value: 'HOLDOVER' }] };

describe('a value of ptp_states', () => {
  it.each<[string, object, unknown[]]>([
    [
      'the words of the clocks behind a resource',
      {
        resource: lockState.path,
        lastEvent: { sequence: '7' },
        clocks: [clock, { ...clock, interface: 'x', state: 'FREERUN' }],
      },
      [[lockState.path, 7, { 'ptp4l.0.config ptp4l ens1f0 ': 'LOCKED', 'ptp4l.0.config ptp4l x ': 'FREERUN' }]],
    ],
    [
      'the OS clock as one, whoever steers it',
      {
        resource: osClockSyncState.path,
        clocks: [{ ...clock, config: 'chronyd.0.config', process: 'chronyd', interface: 'CLOCK_REALTIME' }],
      },
      [[osClockSyncState.path, 0, { CLOCK_REALTIME: 'LOCKED' }]],
    ],
    [
      'the one word of sync-state, from its data',
      { resource: syncState.path, data: overall, clocks: [] },
      [[syncState.path, 0, { '': 'HOLDOVER' }]],
    ],
    [
      'nothing of sync-state while it is not known',
      { resource: syncState.path, data: { values: [] } },
      [[syncState.path, 0, {}]],
    ],
    ['nothing of resources that are numbers', { resource: clockClass.path, clocks: [{ ...clock, state: '6' }] }, []],
    [
      'no word that is none of the resource',
      { resource: lockState.path, clocks: [{ ...clock, state: 'EVIL' }] },
      [[lockState.path, 0, {}]],
    ],
    ['nothing of unknown resources', { resource: '/sync/other' }, []],
  ])('tells %s', (_, resource, expected) => {
    expect(read(resource)).toEqual(expected);
  });

  it.each<[string, unknown]>([
    ['a clock without a name', { resource: lockState.path, clocks: [{ state: 'LOCKED' }] }],
    ['too many clocks', { resource: lockState.path, clocks: Array.from({ length: 1_025 }, () => clock) }],
    ['a sequence that is none', { resource: lockState.path, lastEvent: { sequence: '1e3' } }],
    ['no resource', 1],
  ])('is refused with %s', (_, resource) => {
    expect(() => read(resource)).toThrow(BadMessage);
  });

  it('is refused under the key of another node', () => {
    expect(() => readNodeState(Buffer.from('{"node":"n2"}'), 'n1')).toThrow(BadMessage);
  });

  it('is read or refused, whatever it is', () => {
    const whatever = fc.record({
      node: fc.constant('n1'),
      resources: fc.array(
        fc.oneof(
          fc.jsonValue(),
          fc.record({
            resource: fc.constantFrom(lockState.path, syncState.path),
            clocks: fc.jsonValue(),
            data: fc.jsonValue(),
            lastEvent: fc.jsonValue(),
          }),
        ),
      ),
    });
    fc.assert(
      fc.property(whatever, (value) => {
        try {
          readNodeState(Buffer.from(JSON.stringify(value)), 'n1');
        } catch (err) {
          expect(err).toBeInstanceOf(BadMessage);
        }
      }),
    );
  });
});

describe('an event', () => {
  it.each<[string, Parameters<typeof readTold>, unknown]>([
    [
      'its clock',
      [lockState.path, { sequence: '8' }, JSON.stringify(clock)],
      { sequence: 8, clock: 'ptp4l.0.config ptp4l ens1f0 ', word: 'LOCKED' },
    ],
    [
      'a clock that is forgotten',
      [lockState.path, { sequence: '8' }, JSON.stringify({ ...clock, state: '' })],
      { sequence: 8, clock: 'ptp4l.0.config ptp4l ens1f0 ', word: undefined },
    ],
    [
      'the overall state',
      [syncState.path, { sequence: '8', data: overall }, ''],
      { sequence: 8, clock: '', word: 'HOLDOVER' },
    ],
    ['nothing when it was made over REST', [lockState.path, { sequence: '8', data: overall }, ''], undefined],
    ['nothing about numbers', [clockClass.path, { sequence: '8' }, JSON.stringify(clock)], undefined],
  ])('tells %s', (_, given, expected) => {
    expect(readTold(...given)).toEqual(expected);
  });
});
