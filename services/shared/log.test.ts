import { Doublings } from './doublings.js';
import { createLog } from './log.js';

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
    const drops = new Doublings();
    const told = Array.from({ length: 10 }, () => drops.next());
    expect(told.filter((times) => times !== undefined)).toEqual([1, 2, 4, 8]);
    drops.reset();
    expect(drops.next()).toBe(1);
  });
});
