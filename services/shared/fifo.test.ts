import fc from 'fast-check';
import { Fifo } from './fifo.js';

type Step = { do: 'push' | 'remove'; item: number } | { do: 'shift' };

describe('a queue', () => {
  it('is like an array that is shifted, whatever is done to it', () => {
    const step: fc.Arbitrary<Step> = fc.oneof(
      { weight: 5, arbitrary: fc.record({ do: fc.constant('push' as const), item: fc.nat(50) }) },
      { weight: 4, arbitrary: fc.constant({ do: 'shift' as const }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), item: fc.nat(50) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600, size: 'max' }), (steps) => {
        const fifo = new Fifo<number>();
        const array: number[] = [];
        for (const one of steps) {
          if (one.do === 'push') {
            fifo.push(one.item);
            array.push(one.item);
          } else if (one.do === 'shift') {
            expect(fifo.shift()).toBe(array.shift());
          } else {
            fifo.remove(one.item);
            const at = array.indexOf(one.item);
            if (at >= 0) array.splice(at, 1);
          }
          expect([fifo.size, fifo.peek()]).toEqual([array.length, array[0]]);
        }
      }),
    );
  });
});
