import fc from 'fast-check';
import { Sampler } from './sampler.js';

interface One {
  n: number;
  weight: number;
}

class Bench {
  readonly sent: (One & { key: string; atMs: number })[] = [];
  readonly lost: One[] = [];
  readonly sampler: Sampler<One & { key: string }>;
  readonly offered: (One & { key: string; atMs: number })[] = [];

  constructor(
    readonly perSecond: number,
    maxKeys = 1_000,
  ) {
    this.sampler = new Sampler<One & { key: string }>(
      {
        perSecond,
        maxKeys,
        send: (one, atMs) => this.sent.push({ ...one, atMs }),
        onLost: (one) => this.lost.push(one),
      },
      0,
    );
  }

  offer(key: string, atMs: number): void {
    const n = this.offered.length;
    this.offered.push({ key, n, weight: 1, atMs });
    this.sampler.sendDue(atMs);
    const one = this.sampler.held(key) ?? { key, n, weight: 0 };
    one.n = n;
    one.weight += 1;
    this.sampler.offer(key, one, atMs);
  }
}

const weights = (of: One[]): number => of.reduce((sum, { weight }) => sum + weight, 0);

describe('the sampler', () => {
  it('sends everything at once as long as the rate allows it', () => {
    const bench = new Bench(10);
    for (let n = 0; n < 30; n += 1) bench.offer(`k${n % 3}`, n * 100);
    expect(bench.sent.map(({ n, weight, atMs }) => [n, weight, atMs])).toEqual(
      bench.offered.map(({ n, atMs }) => [n, 1, atMs]),
    );
  });

  it('has the next one stand for those held back, or after a second the last of them', () => {
    const bench = new Bench(2);
    for (const key of ['a', 'a', 'a', 'a', 'b', 'b']) bench.offer(key, 0);
    bench.offer('a', 500);
    bench.sampler.sendDue(999);
    bench.sampler.sendDue(1_000);

    const said = bench.sent.map(({ key, n, weight, atMs }) => ({ key, n, weight, atMs }));
    expect(said).toEqual([
      { key: 'a', n: 0, weight: 1, atMs: 0 },
      { key: 'a', n: 1, weight: 1, atMs: 0 },
      { key: 'a', n: 6, weight: 3, atMs: 500 },
      { key: 'b', n: 5, weight: 2, atMs: 1_000 },
    ]);
  });

  it('lets a busy key not hold back a quiet one for longer than the rate makes it', () => {
    const bench = new Bench(10);
    for (let ms = 0; ms <= 2_500; ms += 1) {
      if (ms === 500) bench.offer('quiet', ms);
      bench.offer('busy', ms);
    }
    expect(bench.sent.find(({ key }) => key === 'quiet')?.atMs).toBeLessThanOrEqual(1_600);
  });

  const offers = fc.array(
    fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd', 'e'), afterMs: fc.integer({ min: 0, max: 40 }) }),
    { maxLength: 300 },
  );
  it('never loses count, keeps each key in order, and never exceeds the rate', () => {
    fc.assert(
      fc.property(offers, fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 5 }), (all, rate, maxKeys) => {
        const bench = new Bench(rate, maxKeys);
        let nowMs = 0;
        for (const { key, afterMs } of all) {
          nowMs += afterMs;
          if (afterMs % 3 === 0) bench.sampler.sendDue(nowMs);
          bench.offer(key, nowMs);
        }
        const until = nowMs + 1_000 + (1_000 * maxKeys) / rate;
        for (; nowMs <= until; nowMs += 100) bench.sampler.sendDue(nowMs);

        expect(weights(bench.sent) + weights(bench.lost)).toBe(bench.offered.length);
        if (maxKeys === 5) expect(bench.lost).toEqual([]);
        for (const key of ['a', 'b', 'c', 'd', 'e']) {
          const sent = bench.sent.filter((one) => one.key === key);
          expect(sent.map(({ n }) => n)).toEqual(sent.map(({ n }) => n).toSorted((a, b) => a - b));
        }
        for (const [i, { atMs }] of bench.sent.entries()) {
          // A bucket of `rate`: whatever the window, no more than that beside what has flowed in since it began.
          const inWindow = bench.sent.slice(0, i + 1).filter((one) => one.atMs > atMs - 1_000).length;
          expect(inWindow).toBeLessThanOrEqual(2 * rate + 1);
        }
      }),
    );
  });

  it('counts at the end what it could not send any more', () => {
    const bench = new Bench(2);
    for (const key of ['a', 'a', 'b', 'b', 'c']) bench.offer(key, 0);
    bench.sampler.close(500);
    expect(weights(bench.sent)).toBe(4);
    expect(weights(bench.lost)).toBe(1);
  });
});
