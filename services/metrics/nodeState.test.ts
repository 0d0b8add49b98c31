import fc from 'fast-check';
import { bus } from '../shared/contract/bus.js';
import type { PtpEvent } from '../shared/event.js';
import { BadMessage } from '../shared/messageChecks.js';
import { readNodeState, readTold } from './nodeState.js';

const { lockState, osClockSyncState, syncState, clockClass } = bus.resources;
const TIME = '2026-03-01T12:00:00.000Z';
const NOW = Date.parse(TIME);
const clock = {
  config: 'ptp4l.0.config',
  process: 'ptp4l',
  interface: 'ens1f0',
  address: '/cluster/node/n1/ens1fx/master',
  since: TIME,
  confirmed: true,
  state: 'LOCKED',
};
const data = { version: '1.0', values: [] };
const state = (resources: unknown[]): Buffer =>
  Buffer.from(JSON.stringify({ node: 'n1', writtenAt: TIME, bootId: '', resources, ports: [] }));
const complete = (one: object): object => ({ type: 'event.any', data, clocks: [], ...one });
const read = (...resources: object[]): unknown[] =>
  [...readNodeState(state(resources.map(complete)), { node: 'n1', now: NOW })].map(([path, { sequence, clocks }]) => [
    path,
    sequence,
    Object.fromEntries(clocks),
  ]);
const value = { ResourceAddress: '/a', data_type: 'notification', value_type: 'enumeration', value: 'HOLDOVER' };
const overall = { version: '1.0', values: [value] };
const lastEvent = { id: 'e1', time: TIME, sequence: '7' };

describe('a value of ptp_states', () => {
  it.each<[string, object, unknown[]]>([
    [
      'the words of the clocks behind a resource',
      {
        resource: lockState.path,
        lastEvent,
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
    ['nothing of sync-state while it is not known', { resource: syncState.path }, [[syncState.path, 0, {}]]],
    ['nothing of resources that are numbers', { resource: clockClass.path, clocks: [{ ...clock, state: '6' }] }, []],
    [
      'no word that is none of the resource',
      { resource: lockState.path, clocks: [{ ...clock, state: 'EVIL' }] },
      [[lockState.path, 0, {}]],
    ],
    ['nothing of unknown resources', { resource: '/sync/other' }, []],
    [
      'no sequence that is nobody’s',
      { resource: syncState.path, data: overall, lastEvent: { ...lastEvent, sequence: '9'.repeat(15) } },
      [[syncState.path, 0, { '': 'HOLDOVER' }]],
    ],
  ])('tells %s', (_, resource, expected) => {
    expect(read(resource)).toEqual(expected);
  });

  it.each<[string, object]>([
    ['a clock without a name', { resource: lockState.path, clocks: [{ state: 'LOCKED' }] }],
    ['too many clocks', { resource: lockState.path, clocks: Array.from({ length: 1_025 }, () => clock) }],
    ['a sequence that is none', { resource: lockState.path, lastEvent: { ...lastEvent, sequence: '1e3' } }],
    ['no resource', { resource: 1 }],
  ])('is refused with %s', (_, resource) => {
    expect(() => read(resource)).toThrow(BadMessage);
  });

  it('is refused under the key of another node', () => {
    expect(() => readNodeState(state([]), { node: 'n2', now: NOW })).toThrow(BadMessage);
  });

  it('is read or refused, whatever it is', () => {
    const members = fc.record({ clocks: fc.jsonValue(), data: fc.jsonValue(), lastEvent: fc.jsonValue() });
    const resource = fc.record({ resource: fc.constantFrom(lockState.path, syncState.path) });
    const whatever = fc.array(
      fc.oneof(
        fc.jsonValue(),
        fc.tuple(resource, members).map((parts) => complete(Object.assign({}, ...parts) as object)),
      ),
    );
    fc.assert(
      fc.property(whatever, (resources) => {
        try {
          readNodeState(state(resources), { node: 'n1', now: NOW });
        } catch (err) {
          expect(err).toBeInstanceOf(BadMessage);
        }
      }),
    );
  });
});

const told = (path: string, given: object, header: string): unknown =>
  readTold(path, { data, sequence: '8', ...given } as unknown as PtpEvent, header, NOW);

describe('an event', () => {
  it.each<[string, Parameters<typeof told>, unknown]>([
    [
      'its clock',
      [lockState.path, {}, JSON.stringify(clock)],
      { sequence: 8, clock: 'ptp4l.0.config ptp4l ens1f0 ', word: 'LOCKED' },
    ],
    [
      'a clock that is forgotten',
      [lockState.path, {}, JSON.stringify({ ...clock, state: '' })],
      { sequence: 8, clock: 'ptp4l.0.config ptp4l ens1f0 ', word: undefined },
    ],
    ['the overall state', [syncState.path, { data: overall }, ''], { sequence: 8, clock: '', word: 'HOLDOVER' }],
    ['nothing when it was made over REST', [lockState.path, { data: overall }, ''], undefined],
    ['nothing about numbers', [clockClass.path, {}, JSON.stringify(clock)], undefined],
  ])('tells %s', (_, given, expected) => {
    expect(told(...given)).toEqual(expected);
  });

  it.each(['null', '{', '7', '{"config":1}', '[]', JSON.stringify({ ...clock, since: 'never' })])(
    'with the clock %s is refused',
    (header) => {
      expect(() => told(lockState.path, {}, header)).toThrow(BadMessage);
    },
  );

  it('of a time to come is refused', () => {
    const sequence = String(NOW + 8 * 86_400_000);
    expect(() => told(lockState.path, { sequence }, JSON.stringify(clock))).toThrow(BadMessage);
  });
});
