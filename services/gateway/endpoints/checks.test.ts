import { once } from 'node:events';
import { TooMany } from '../access/limits.js';
import { EndpointChecks } from './checks.js';

describe('endpoint checks', () => {
  it('run 8 at a time for a caller, whom others do not wait for', async () => {
    const checks = new EndpointChecks();
    let running = 0;
    let most = 0;
    const held = new AbortController();
    const check = async (): Promise<void> => {
      most = Math.max(most, (running += 1));
      await once(held.signal, 'abort');
      running -= 1;
    };
    const asked = Array.from({ length: 9 }, () => checks.run('a', check).catch((err: unknown) => err));
    await checks.run('b', async () => {});
    // The ninth gives up while the others still run.
    expect(await Promise.race(asked)).toBeInstanceOf(TooMany);
    held.abort();
    const outcomes = await Promise.all(asked);
    expect([most, outcomes.filter((outcome) => outcome instanceof TooMany)]).toEqual([8, [expect.any(TooMany)]]);
    await checks.run('a', async () => {});
  });
});
