import fc from 'fast-check';
import { Agenda } from './agenda.js';

type Step = { add: number } | { remove: number } | { passTo: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ add: fc.nat(500) }) },
  { weight: 2, arbitrary: fc.record({ remove: fc.nat(200) }) },
  { weight: 1, arbitrary: fc.record({ passTo: fc.nat(500) }) },
);

describe('an agenda', () => {
  it('gives what is due, soonest first, and of one time in the order in which it came', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const agenda = new Agenda<number>();
        let plain: { atMs: number; thing: number }[] = [];
        let count = 0;
        for (const one of steps) {
          if ('add' in one) {
            agenda.add(one.add, count);
            plain.push({ atMs: one.add, thing: count++ });
          } else if ('remove' in one) {
            agenda.remove(one.remove);
            plain = plain.filter(({ thing }) => thing !== one.remove);
          } else {
            const due = plain.filter(({ atMs }) => atMs <= one.passTo).toSorted((a, b) => a.atMs - b.atMs);
            expect(agenda.due(one.passTo)).toEqual(due.map(({ thing }) => thing));
            plain = plain.filter(({ atMs }) => atMs > one.passTo);
          }
          const [next] = plain.toSorted((a, b) => a.atMs - b.atMs);
          expect([agenda.size, agenda.nextMs(), agenda.next()]).toEqual([plain.length, next?.atMs, next?.thing]);
        }
      }),
    );
  });
});
