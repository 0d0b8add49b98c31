import { backoffMs } from './backoff.js';
import { retryAfterMs } from './result.js';
import { positionsOf } from '../delivery/tail.js';

describe('retryAfterMs', () => {
  const now = Date.parse('2026-03-01T12:00:00Z');
  it.each([
    [undefined, undefined],
    ['7', 7_000],
    ['0', 0],
    ['Sun, 01 Mar 2026 12:00:30 GMT', 30_000],
    ['Sun, 01 Mar 2026 11:00:00 GMT', 0],
    ['86400', 900_000],
    ['soon', undefined],
    [['1', '2'], undefined],
  ])('reads %p', (header, ms) => {
    expect(retryAfterMs(header, now)).toBe(ms);
  });
});

describe('backoffMs', () => {
  it('doubles from 0.1 s to 30 s, with full jitter', () => {
    expect([1, 2, 3, 9, 10, 1_000].map((attempt) => backoffMs(attempt, 1))).toEqual([
      100, 200, 400, 25_600, 30_000, 30_000,
    ]);
    expect(backoffMs(5, 0)).toBe(0);
  });
});

describe('positionsOf', () => {
  it('reads the acknowledgement subject of old and new servers', () => {
    expect(positionsOf('$JS.ACK.PTP_EVENTS.c1.1.4711.12.1700000000000000000.0')).toEqual({
      streamSequence: 4711,
      deliverySequence: 12,
      storedAtMs: 1_700_000_000_000,
    });
    expect(positionsOf('$JS.ACK._.hash.PTP_EVENTS.c1.1.4711.12.1700000000000000000.0.random')).toEqual({
      streamSequence: 4711,
      deliverySequence: 12,
      storedAtMs: 1_700_000_000_000,
    });
  });
});
