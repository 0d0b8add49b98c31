import { Doublings } from './doublings.js';
import { createLog } from './log.js';
import { FakeClock } from '../../test/support/fakeClock.js';

const clock = new FakeClock();

describe('the log', () => {
  it('has its levels as words', () => {
    const lines: string[] = [];
    const log = createLog('gateway', 'debug', { write: (line) => void lines.push(line) });
    log.child({ subscription: 's' }).warn('not delivered');
    log.fatal('failed');
    expect(lines.map((line) => (JSON.parse(line) as { level: unknown }).level)).toEqual(['warn', 'fatal']);
  });
});

describe('what happens again and again', () => {
  it('is told at each doubling, and from the first time on when it was over meanwhile', () => {
    const told: number[] = [];
    const drops = new Doublings(clock);
    const drop = (): void => drops.tell((times) => told.push(times));
    for (let i = 0; i < 10; i += 1) drop();
    expect(told.splice(0)).toEqual([1, 2, 4, 8]);
    drops.reset();
    drop();
    clock.advance({ seconds: 600 });
    drop();
    expect(told).toEqual([1, 1]);
  });

  it('is counted apart by its cause, however many there are', () => {
    const told: string[] = [];
    const drops = new Doublings(clock);
    for (let i = 0; i < 3_000; i += 1) drops.tell((times) => told.push(`${i % 3} ${times}`), String(i % 3));
    expect(told.slice(0, 3)).toEqual(['0 1', '1 1', '2 1']);
    expect(told).toHaveLength(30);
    for (let i = 0; i < 100_000; i += 1) drops.tell(() => undefined, `cause ${i}`);
  });
});
