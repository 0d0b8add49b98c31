import { TooMany } from '../access/limits.js';
import { Quota } from './quota.js';

describe('a quota', () => {
  it('ends at so many of one caller, and of all', () => {
    const quota = new Quota({ total: 3, perCaller: 2 }, ['a']);
    quota.take('a');
    expect(() => quota.take('a')).toThrow(/2 subscriptions \(MAX_SUBSCRIPTIONS_PER_CALLER\)/);
    quota.take('b');
    expect(() => quota.take('b')).toThrow(/3 subscriptions \(MAX_SUBSCRIPTIONS\)/);
  });

  it('has room again when one is gone', () => {
    const quota = new Quota({ total: 1, perCaller: 1 }, []);
    quota.take('a');
    expect(() => quota.check('a')).toThrow(TooMany);
    quota.giveBack('a');
    quota.take('b');
    expect(() => quota.check('a')).toThrow(TooMany);
  });

  it('takes nothing away from who has more already', () => {
    const quota = new Quota({ total: 1, perCaller: 1 }, ['a', 'a', 'a']);
    quota.giveBack('a');
    expect(() => quota.take('a')).toThrow(TooMany);
  });
});
