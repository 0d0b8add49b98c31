import { FakeClock } from '../../test/support/fakeClock.js';
import { FineClock } from '../shared/clock.js';
import { Canary } from './canary.js';
import { Journeys } from './journeys.js';
import { Outbox } from './outbox.js';

/** When canaries leave, in seconds after the start. */
function world(random: number) {
  const clock = new FakeClock();
  const loop = { sent: () => undefined, stored: () => undefined, dropped: () => undefined };
  const journeys = new Journeys({ nodeName: 'n1', clock, fine: new FineClock(clock), tracing: undefined, loop });
  const startedMs = clock.monotonic();
  const times: number[] = [];
  const outbox = new Outbox({
    clock,
    limit: 1,
    send: () => {
      times.push(Math.round((clock.monotonic() - startedMs) / 100) / 10);
      return Promise.resolve('stored');
    },
    onStored: () => undefined,
    onDropped: () => undefined,
  });
  const canary = new Canary({ nodeName: 'n1', clock, journeys, outbox, random: () => random, onSent: () => undefined });
  const pass = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second += 1) {
      clock.advance({ seconds: 1 });
      await Promise.resolve();
      await Promise.resolve();
    }
  };
  return { canary, times, pass };
}

describe('canaries', () => {
  it('leave every ten seconds, at first when it is drawn', async () => {
    const { times, pass } = world(0.35);
    await pass(40);
    expect(times).toEqual([9.5, 19.5, 29.5, 39.5]);
  });

  it('leave less often in a large cluster, 50 a second in all', async () => {
    const { canary, times, pass } = world(0.5);
    await pass(5);
    canary.setNodes(1_000);
    await pass(60);
    expect(times).toEqual([16, 36, 56]);
    canary.setNodes(10);
    await pass(11);
    expect(times).toEqual([16, 36, 56, 66, 76]);
  });

  it('leave no more once they are stopped', async () => {
    const { canary, times, pass } = world(0);
    await pass(7);
    canary.stop();
    await pass(60);
    expect(times).toEqual([6]);
  });
});
