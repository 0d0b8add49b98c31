import fc from 'fast-check';
import { messages } from './contract/messages.js';
import { isBelievableSequence } from './believable.js';
import { BadMessage, checkMessage, parseMessage } from './messageChecks.js';
import type { MessageTypes } from './messages.js';

const TIME = '2026-03-01T12:00:00.123Z';
const clock = {
  config: 'ptp4l.0.config',
  address: '/cluster/node/n1/ens1fx/master',
  state: 'LOCKED',
  offset: '-17',
  since: TIME,
  confirmed: true,
  process: 'ptp4l',
  interface: 'ens1f0',
};
const value = {
  ResourceAddress: '/cluster/node/n1/ens1fx/master',
  data_type: 'notification',
  value_type: 'enumeration',
  value: 'LOCKED',
};
const resource = {
  resource: '/sync/ptp-status/lock-state',
  type: 'event.sync.ptp-status.ptp-state-change',
  lastEvent: { id: 'e1', time: TIME, sequence: '7' },
  data: { version: '1.0', values: [value] },
  clocks: [clock],
};
const state = {
  node: 'n1.example.com',
  writtenAt: TIME,
  bootId: 'b1',
  resources: [resource],
  ports: [{ config: 'ptp4l.0.config', number: 1, interface: 'ens1f0', role: 'SLAVE' }],
};
const cursor = {
  epoch: 'e',
  n: 1,
  stream: TIME,
  tail: 9,
  subs: { s1: [4, { 'ptp.events.n1.sync': 5 }], s2: [9, {}, true] },
  repeated: {},
  past: [[3, 4]],
};

const names = Object.keys(messages) as (keyof MessageTypes)[];
const written = (change: object): object => ({ ...state, resources: [{ ...resource, ...change }] });
const withClock = (change: object): object => written({ clocks: [{ ...clock, ...change }] });

describe('checkMessage', () => {
  it.each([
    ['NodeState', state],
    ['NodeState', written({ lastEvent: undefined })],
    ['CurrentState', { state: resource, asOf: TIME, vouchedFor: false, reason: 'silent' }],
    ['Cursor', cursor],
    ['StageTimes', { readAtMs: 1.5, sentAtMs: 2, parseMs: 0.1, enqueueMs: 0 }],
  ] as const)('takes %s as it is written', (name, message) => {
    expect(parseMessage(name, Buffer.from(JSON.stringify(message)))).toEqual(JSON.parse(JSON.stringify(message)));
  });

  it('passes over what the contract does not know, takes null for absent, and gives empty lists for absent ones', () => {
    const read = checkMessage('NodeState', { ...withClock({ offset: null, more: 1 }), ports: undefined, extra: {} });
    const { offset: _, ...known } = clock;
    expect(read).toEqual({ ...written({ clocks: [known] }), ports: [] });
  });

  it('takes no member from a prototype', () => {
    const read = checkMessage(
      'Cursor',
      JSON.parse(`{"epoch":"e","n":1,"stream":"s","tail":1,"__proto__":{"owed":true}}`),
    );
    expect(read.owed).toBeUndefined();
    expect(checkMessage('Cursor', { ...cursor, repeated: JSON.parse('{"__proto__":3}') }).repeated).toHaveProperty(
      ['__proto__'],
      3,
    );
  });

  it.each<[string, keyof MessageTypes, unknown, RegExp]>([
    ['a text', 'NodeState', 'LOCKED', /it is no object/],
    ['null', 'NodeState', null, /it is no object/],
    ['a list', 'NodeState', [], /it is no object/],
    ['nothing', 'NodeState', {}, /node is no text/],
    ['another node name', 'NodeState', { ...state, node: 'a b' }, /node is no node name/],
    ['no list of resources', 'NodeState', { ...state, resources: {} }, /resources is no list/],
    ['null for a resource', 'NodeState', { ...state, resources: [null] }, /resources\[\] is no object/],
    [
      'too many resources',
      'NodeState',
      { ...state, resources: Array.from({ length: 65 }, () => resource) },
      /at most 64/,
    ],
    ['no data', 'NodeState', written({ data: undefined }), /resources\[\]\.data is no object/],
    [
      'a sequence of nines',
      'NodeState',
      written({ lastEvent: { id: 'e', time: TIME, sequence: '9'.repeat(20) } }),
      /sequence/,
    ],
    ['a numeric offset', 'NodeState', withClock({ offset: 7 }), /clocks\[\]\.offset is no text/],
    ['an offset in exponent form', 'NodeState', withClock({ offset: '1e9' }), /no plain integer/],
    ['another time', 'NodeState', withClock({ since: 'yesterday' }), /since is no RFC 3339 time/],
    ['an impossible time', 'NodeState', withClock({ since: '2026-13-01T00:00:00Z' }), /since/],
    ['a word for a flag', 'NodeState', withClock({ confirmed: 'yes' }), /neither true nor false/],
    ['another lock', 'NodeState', withClock({ lock: 'LOST' }), /lock is none of/],
    ['half a fix', 'NodeState', withClock({ gpsFix: 1.5 }), /no whole number/],
    [
      'an endless holdover',
      'NodeState',
      JSON.parse(JSON.stringify(withClock({ holdoverEndsMs: 1 })).replace(':1}', ':1e999}')),
      /holdoverEndsMs/,
    ],
    ['an endless text', 'NodeState', withClock({ config: 'x'.repeat(2_000) }), /2000 characters/],
    ['a negative position', 'Cursor', { ...cursor, tail: -1 }, /tail is no whole number/],
    ['a position between two', 'Cursor', { ...cursor, tail: 1.5 }, /tail/],
    ['a subscription that is no list', 'Cursor', { ...cursor, subs: { s: { hi: 1 } } }, /subs\[\] is no list/],
    ['an empty list', 'Cursor', { ...cursor, subs: { s: [] } }, /subs\[\]\.hi/],
    ['a word for a lane', 'Cursor', { ...cursor, subs: { s: [1, { a: '2' }] } }, /open\[\] is no number/],
  ])('refuses %s in %s', (_, name, message, reason) => {
    expect(() => checkMessage(name, message)).toThrow(BadMessage);
    expect(() => checkMessage(name, message)).toThrow(reason);
  });

  it('throws nothing but BadMessage, and what it gives it takes again', () => {
    const near = fc.oneof(
      fc.jsonValue(),
      fc
        .constantFrom<object>(state, cursor, resource, clock, value)
        .chain((message) =>
          fc
            .tuple(fc.constantFrom(...Object.keys(message)), fc.jsonValue())
            .map(([member, json]) => ({ ...message, [member]: json })),
        ),
    );
    fc.assert(
      fc.property(fc.constantFrom(...names), near, (name, message) => {
        let read: unknown;
        try {
          read = checkMessage(name, message);
        } catch (err) {
          expect(err).toBeInstanceOf(BadMessage);
          return;
        }
        expect(checkMessage(name, read)).toEqual(read);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('parseMessage', () => {
  it.each<[string, Buffer, RegExp]>([
    ['no bytes', Buffer.alloc(0), /not JSON/],
    ['half a message', Buffer.from('{"node":'), /not JSON/],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0]), /not JSON/],
    ['endless nesting', Buffer.from('['.repeat(500_000)), /not JSON/],
    ['too many bytes', Buffer.alloc(1_048_577, 32), /1048577 bytes, at most 1048576/],
  ])('refuses %s', (_, bytes, reason) => {
    expect(() => parseMessage('NodeState', bytes)).toThrow(BadMessage);
    expect(() => parseMessage('NodeState', bytes)).toThrow(reason);
  });
});

describe('isBelievableSequence', () => {
  const NOW = Date.parse(TIME);
  it.each([
    ['0', true],
    [String(NOW), true],
    [String(NOW + 3 * 86_400_000), true],
    [String(NOW + 8 * 86_400_000), false],
    ['9'.repeat(20), false],
    ['9007199254740993', false],
    ['-1', false],
    ['1e3', false],
    ['', false],
  ])('%s: %p', (text, is) => {
    expect(isBelievableSequence(text, NOW)).toBe(is);
  });
});
