import fc from 'fast-check';
import { Places } from './places.js';

describe('Places', () => {
  it('knows what was added, in runs', () => {
    const places = new Places(10);
    for (const seq of [3, 4, 5, 9, 9, 4]) places.add(seq);
    expect([2, 3, 4, 5, 6, 8, 9, 10].filter((seq) => places.has(seq))).toEqual([3, 4, 5, 9]);
    expect(places.between(0, 100)).toEqual([
      [3, 5],
      [9, 9],
    ]);
    expect(places.between(3, 8)).toEqual([[4, 5]]);
    expect(places.between(5, 8)).toBeUndefined();
  });

  it('forgets the oldest beyond its limit', () => {
    const places = new Places(2);
    for (const seq of [1, 3, 5]) places.add(seq);
    expect([1, 3, 5].map((seq) => places.has(seq))).toEqual([false, true, true]);
  });

  it('is what another one was, up to the end that was saved', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(60)), fc.nat(60), fc.nat(60), (seqs, after, upTo) => {
        const [places, next] = [new Places(100), new Places(100)];
        for (const seq of seqs.toSorted((a, b) => a - b)) places.add(seq);
        next.replace(places.between(after, upTo) ?? []);
        const kept = Array.from({ length: 61 }, (_, seq) => seq).filter((seq) => next.has(seq));
        expect(kept).toEqual(seqs.filter((seq) => seq > after && seq <= upTo).toSorted((a, b) => a - b));
      }),
    );
  });
});
