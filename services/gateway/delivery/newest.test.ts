import fc from 'fast-check';
import { Newest } from './newest.js';

const SUBJECT = 'ptp.events.n1.sync.ptp-status.lock-state';
const START = Date.parse('2026-03-01T12:00:00.000Z');
const event = (sequence: number, atMs = START + sequence) =>
  ({ sequence: String(sequence), time: new Date(atMs).toISOString() }) as Parameters<Newest['take']>[1];
const take = (newest: Newest, sequence: number, atMs?: number, storedAtMs = START + 3_600_000): boolean =>
  newest.take(SUBJECT, event(sequence, atMs), storedAtMs);

describe('the newest event of a subject', () => {
  it('makes those up to it events of the past, in whatever order they are stored again', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.array(fc.integer({ min: 1, max: 20 })), (count, again) => {
        const newest = new Newest();
        for (let n = 1; n <= count; n += 1) expect(take(newest, n)).toBe(true);
        for (const n of again.filter((one) => one <= count)) expect(take(newest, n)).toBe(false);
        expect(take(newest, count + 1)).toBe(true);
        expect(newest.repeated).toBeUndefined();
      }),
    );
  });

  it('is kept in the cursor while the log ends with one of the past', () => {
    const newest = new Newest();
    for (const n of [1, 2, 3, 1]) take(newest, n);
    expect(newest.repeated).toEqual({ [SUBJECT]: 3 });
    const next = new Newest();
    next.recall(newest.repeated ?? {});
    expect([take(next, 1), take(next, 2), take(next, 4)]).toEqual([false, false, true]);
  });

  it('gives way to a later event of a count that was begun anew, also when it said it was of tomorrow', () => {
    const newest = new Newest();
    take(newest, 1);
    expect(take(newest, 90_000_000, START + 90_000_000)).toBe(true);
    expect(take(newest, 1)).toBe(false);
    expect(take(newest, 2, START + 3_600_001)).toBe(true);
    expect(take(newest, 3, START + 3_600_002)).toBe(true);
  });

  it('is forgotten with its log', () => {
    const newest = new Newest();
    take(newest, 5);
    newest.forget();
    expect(take(newest, 1)).toBe(true);
  });
});
