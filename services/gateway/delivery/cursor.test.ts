import {
  fitted,
  isInside,
  MAX_OPEN_LANES,
  resumeAt,
  servedUpTo,
  subscriptionCursor,
  type Cursor,
  type SubscriptionCursor,
} from './cursor.js';

const STREAM = '2026-03-01T00:00:00Z';
const cursor = (subs: Cursor['subs'], tail = 100): Cursor => ({ epoch: 'e', n: 1, stream: STREAM, tail, subs });
const record = (start: number, stream = STREAM) => ({ id: 's1', start, stream });

describe('subscriptionCursor', () => {
  it.each([
    [
      'needs no entry when everything up to the tail is settled',
      100,
      { hi: 100, open: [], areStatesDue: false },
      undefined,
    ],
    ['names the open lanes', 100, { hi: 100, open: [['a', 90] as const], areStatesDue: false }, [100, { a: 90 }]],
    ['says how far a detached subscription has read', 100, { hi: 60, open: [], areStatesDue: false }, [60, {}]],
    ['keeps what was settled beyond the tail', 100, { hi: 140, open: [], areStatesDue: false }, [140, {}]],
    ['remembers that current states are owed', 100, { hi: 100, open: [], areStatesDue: true }, [100, {}, true]],
  ])('%s', (_, tail, served, expected) => {
    expect(subscriptionCursor(tail, served)).toEqual(expected);
  });

  it('falls back to the lowest unsettled event when too many lanes are open', () => {
    const open = Array.from({ length: MAX_OPEN_LANES + 1 }, (_, i) => [`s${i}`, 50 + i] as const);
    expect(subscriptionCursor(9_000, { hi: 9_000, open, areStatesDue: false })).toEqual([49, {}]);
  });
});

describe('resumeAt', () => {
  it.each([
    ['a subscription without an entry goes on at the tail', cursor({}), record(10), [100, {}, false]],
    ['open lanes go on where they were', cursor({ s1: [100, { a: 90 }] }), record(10), [100, { a: 90 }, false]],
    ['a subscription made after the save starts at its own position', cursor({}), record(120), [120, {}, false]],
    ['owed current states stay owed', cursor({ s1: [80, {}, true] }), record(10), [80, {}, true]],
    ['without a cursor it starts at its own position', undefined, record(7), [7, {}]],
    [
      'an entry of an earlier life with the same id does not count',
      cursor({ s1: [60, { a: 50 }] }),
      record(110),
      [110, {}, false],
    ],
  ])('%s', (_, saved, made, expected) => {
    expect(resumeAt(saved, made, STREAM)).toEqual(expected);
  });

  it('starts at the beginning of a stream that is not the one the positions belong to', () => {
    expect(resumeAt(cursor({ s1: [60, { a: 50 }] }), record(10), 'another')).toEqual([0, {}]);
    expect(resumeAt(cursor({}), record(3, 'another'), 'another')).toEqual([3, {}]);
  });
});

describe('isInside', () => {
  const log = { created: STREAM, firstSeq: 1, lastSeq: 100 };
  const SUBJECT = 'ptp.events.n1.sync.ptp-status.lock-state';
  it.each([
    ['what the gateway saves', cursor({ s1: [100, { [SUBJECT]: 90 }] }), true],
    ['a position of another log', { ...cursor({}, 1_000), stream: 'another' }, true],
    ['a tail beyond the end', cursor({}, 101), false],
    ['a subscription beyond the end', cursor({ s1: [101, {}] }), false],
    ['a lane beyond the end', cursor({ s1: [100, { [SUBJECT]: 101 }] }), false],
    ['past events before the tail', { ...cursor({}), past: [[3, 100]] } satisfies Cursor, true],
    ['past events beyond the tail', { ...cursor({}, 90), past: [[3, 100]] } satisfies Cursor, false],
    ['a lane of no subject', cursor({ s1: [100, { 'a b': 90 }] }), false],
  ])('%s', (_, saved, is) => {
    expect(isInside(saved, log)).toBe(is);
  });
});

describe('servedUpTo', () => {
  it.each([
    ['the tail', cursor({}), 100],
    ['what a detached subscription has read', cursor({ s1: [60, {}], s2: [80, {}] }), 60],
    ['what is settled before an open lane', cursor({ s1: [100, { a: 70, b: 51 }], s2: [80, {}] }), 50],
  ])('%s', (_, saved, upTo) => {
    expect(servedUpTo(saved)).toBe(upTo);
  });
});

const lanes = (count: number, from: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`ptp.events.n${i}.sync`, from + i]));

describe('fitted', () => {
  it('changes nothing that fits', () => {
    const subs = { a: [100, lanes(3, 50)], b: [90, {}, true] } as Cursor['subs'];
    expect(fitted(100, Object.entries(subs))).toEqual({ tail: 100, subs, coarse: 0 });
  });

  it('brings the largest entries down to their oldest event', () => {
    const subs = { a: [100, lanes(3, 50)], b: [100, lanes(40, 60), true] } as Cursor['subs'];
    expect(fitted(100, Object.entries(subs), 400)).toEqual({
      tail: 100,
      subs: { a: subs['a'], b: [59, {}, true] },
      coarse: 1,
    });
  });

  it('has all go on where the last one is when there are too many entries', () => {
    const entries = Array.from({ length: 100 }, (_, i): [string, [number, {}]] => [`s${i}`, [100 - i, {}]]);
    expect(fitted(100, entries, 400)).toMatchObject({ tail: 1, subs: {} });
  });

  it('forgets no owed states either: when not all have room, all are owed them', () => {
    const entries = Array.from({ length: 100 }, (_, i): [string, SubscriptionCursor] => [`s${i}`, [100, {}, true]]);
    const { tail, subs, owed } = fitted(100, entries, 400);
    const saved: Cursor = { ...cursor(subs, tail), ...(owed && { owed }) };
    expect(resumeAt(saved, record(10), STREAM)).toEqual([100, {}, true]);
    expect(fitted(100, [['s1', [90, {}]]], 10).owed).toBeUndefined();
  });
});
