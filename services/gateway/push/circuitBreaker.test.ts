import { setImmediate as turn } from 'node:timers/promises';
import { FakeClock } from '../../../test/support/fakeClock.js';
import { Pace } from './pace.js';

/** Whether a turn is given now. */
const isGiven = async (asked: Promise<boolean>): Promise<boolean> => {
  const waiting = Symbol('waiting');
  return (await Promise.race([asked, turn(waiting)])) === true;
};

function start() {
  const clock = new FakeClock();
  const recovered: number[] = [];
  const stopping = new AbortController();
  const pace = new Pace(
    clock,
    () => 1,
    stopping.signal,
    () => recovered.push(clock.monotonic()),
  );
  return { clock, pace, recovered, stopping };
}

describe('the pace of an endpoint', () => {
  it('has four attempts side by side, and the next one when one ends', async () => {
    const { pace } = start();
    for (let i = 0; i < 8; i += 1) expect(await isGiven(pace.turn())).toBe(true);
    const fifth = pace.turn();
    expect(await isGiven(fifth)).toBe(false);
    pace.succeeded();
    expect(await isGiven(fifth)).toBe(true);
  });

  it('makes one attempt at a time with growing pauses when attempt after attempt fails, until one succeeds', async () => {
    const { clock, pace, recovered } = start();
    for (let i = 0; i < 3; i += 1) {
      await pace.turn();
      pace.failed(undefined);
    }
    expect(pace.isFailing).toBe(true);
    const first = pace.turn();
    const second = pace.turn();
    expect(await isGiven(first)).toBe(false);
    clock.advance({ ms: 100 });
    expect(await isGiven(first)).toBe(true);
    expect(await isGiven(second)).toBe(false);
    pace.failed(undefined);
    clock.advance({ ms: 199 });
    expect(await isGiven(second)).toBe(false);
    clock.advance({ ms: 1 });
    expect(await isGiven(second)).toBe(true);
    pace.succeeded();
    expect(pace.isFailing).toBe(false);
    expect(recovered).toHaveLength(1);
    for (let i = 0; i < 8; i += 1) expect(await isGiven(pace.turn())).toBe(true);
  });

  it('pauses as long as the endpoint asks', async () => {
    const { clock, pace } = start();
    await pace.turn();
    pace.failed(7_000);
    const next = pace.turn();
    clock.advance({ ms: 6_999 });
    expect(await isGiven(next)).toBe(false);
    clock.advance({ ms: 1 });
    expect(await isGiven(next)).toBe(true);
  });

  it('lets those go who are told to stop', async () => {
    const { pace, stopping } = start();
    await pace.turn();
    pace.failed(7_000);
    const waiting = pace.turn();
    stopping.abort();
    expect(await waiting).toBe(false);
    expect(await pace.turn()).toBe(false);
  });
});
