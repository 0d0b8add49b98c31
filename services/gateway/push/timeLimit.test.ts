import { FakeClock } from '../../../test/support/fakeClock.js';
import { TimeLimit } from './timeLimit.js';

describe('a time limit', () => {
  const clock = new FakeClock();
  const limit = new TimeLimit(1_000, clock);
  const timedOut: string[] = [];
  const limited = (name: string) => ({ timeOut: (ms: number) => void timedOut.push(`${name} after ${ms}`) });

  it('ends what takes longer, and nothing else', () => {
    const [a, b, c] = [limited('a'), limited('b'), limited('c')];
    limit.start(a);
    clock.advance({ ms: 400 });
    limit.start(b);
    limit.start(c);
    limit.end(c);
    clock.advance({ ms: 599 });
    expect(timedOut).toEqual([]);
    clock.advance({ ms: 1 });
    expect(timedOut).toEqual(['a after 1000']);
    clock.advance({ ms: 400 });
    expect(timedOut).toEqual(['a after 1000', 'b after 1000']);

    limit.start(a);
    limit.close();
    clock.advance({ seconds: 10 });
    expect(timedOut).toHaveLength(2);
  });
});
