import { MAX_OPEN_LANES, resumeAt, subscriptionCursor, type Cursor } from './cursor.js';

const STREAM = '2026-03-01T00:00:00Z';
const cursor = (subs: Cursor['subs'], tail = 100): Cursor => ({ epoch: 'e', n: 1, stream: STREAM, tail, subs });
const record = (start: number, stream = STREAM) => ({ id: 's1', start, stream });

describe('subscriptionCursor', () => {
  it('needs no entry when everything up to the tail is settled', () => {
    expect(subscriptionCursor(100, 40, [])).toBeUndefined();
  });

  it('names the open lanes', () => {
    expect(subscriptionCursor(100, 40, [['a', 90]])).toEqual([100, { a: 90 }]);
  });

  it('keeps what was settled beyond the tail while the tail reads older events again', () => {
    expect(subscriptionCursor(100, 140, [])).toEqual([140, {}]);
    expect(subscriptionCursor(100, 140, [['a', 90]])).toEqual([140, { a: 90 }]);
  });

  it('falls back to the lowest unsettled event when too many lanes are open', () => {
    const open = Array.from({ length: MAX_OPEN_LANES + 1 }, (_, i) => [`s${i}`, 50 + i] as const);
    expect(subscriptionCursor(200, 0, open)).toEqual([49, {}]);
  });
});

describe('resumeAt', () => {
  it.each([
    ['a subscription without an entry goes on at the tail', cursor({}), record(10), [100, {}]],
    ['open lanes go on where they were', cursor({ s1: [100, { a: 90 }] }), record(10), [100, { a: 90 }]],
    ['a subscription made after the save starts at its own position', cursor({}), record(120), [120, {}]],
    ['without a cursor it starts at its own position', undefined, record(7), [7, {}]],
    [
      'an entry of an earlier life with the same id does not count',
      cursor({ s1: [60, { a: 50 }] }),
      record(110),
      [110, {}],
    ],
  ])('%s', (_, saved, made, expected) => {
    expect(resumeAt(saved, made, STREAM)).toEqual(expected);
  });

  it('starts at the beginning of a stream that is not the one the positions belong to', () => {
    expect(resumeAt(cursor({ s1: [60, { a: 50 }] }), record(10), 'another')).toEqual([0, {}]);
    expect(resumeAt(cursor({}), record(3, 'another'), 'another')).toEqual([3, {}]);
  });
});
