import { setImmediate as turn } from 'node:timers/promises';
import { FakeClock } from '../../../test/support/fakeClock.js';
import { CONNECTIONS_PER_ORIGIN, OriginSlots } from './originSlots.js';

type GiveBack = NonNullable<Awaited<ReturnType<OriginSlots['take']>>>;

class World {
  readonly clock = new FakeClock();
  readonly slots = new OriginSlots(this.clock, new WeakSet());
  /** Who runs, and how to end it. */
  readonly running = new Map<string, GiveBack>();
  most = 0;

  attempt(name: string, who: object = {}, signal = new AbortController().signal): void {
    void this.slots.take(who, signal).then((giveBack) => {
      if (giveBack === undefined) return;
      this.running.set(name, giveBack);
      this.most = Math.max(this.most, this.running.size);
    });
  }

  end(name: string, how: Parameters<GiveBack>[0]): void {
    this.running.get(name)?.(how);
    this.running.delete(name);
  }
}

describe('the turns of one origin', () => {
  it('are 16, and the next one in order begins when one ends', async () => {
    const world = new World();
    for (let i = 1; i <= 18; i += 1) world.attempt(`a${i}`);
    await turn();
    expect(world.running.size).toBe(16);

    world.end('a3', 'answered');
    await turn();
    expect([world.running.has('a17'), world.running.has('a18')]).toEqual([true, false]);
  });

  it('pass on after a second, while the slow attempt goes on', async () => {
    const world = new World();
    for (let i = 1; i <= 40; i += 1) world.attempt(`hanging${i}`);
    for (let i = 1; i <= 10; i += 1) world.attempt(`healthy${i}`);
    for (let second = 1; second <= 3; second += 1) {
      world.clock.advance({ seconds: 1 });
      await turn();
    }
    expect(world.running.size).toBe(50);
  });

  it('are never more than there are connections', async () => {
    const world = new World();
    for (let i = 1; i <= 200; i += 1) world.attempt(`hanging${i}`);
    for (let second = 1; second <= 9; second += 1) {
      world.clock.advance({ seconds: 1 });
      await turn();
    }
    expect(world.most).toBe(CONNECTIONS_PER_ORIGIN);
    for (let i = 1; i <= 64; i += 1) world.end(`hanging${i}`, 'failed');
    await turn();
    expect(world.running.size).toBe(16);
  });

  it('are not taken by those that failed slowly, who wait for each other', async () => {
    const world = new World();
    const hanging = Array.from({ length: 40 }, () => ({}));
    const all = (): void => hanging.forEach((who, i) => world.attempt(`hanging${i}`, who));
    all();
    for (let second = 1; second <= 10; second += 1) {
      world.clock.advance({ seconds: 1 });
      await turn();
    }
    for (let i = 0; i < 40; i += 1) world.end(`hanging${i}`, 'failed');

    all();
    for (let i = 1; i <= 16; i += 1) world.attempt(`healthy${i}`);
    await turn();
    expect([...world.running.keys()].filter((name) => name.startsWith('healthy'))).toHaveLength(16);
    expect([...world.running.keys()].filter((name) => name.startsWith('hanging'))).toHaveLength(16);

    // One that answers is like the others again.
    world.end('hanging0', 'answered');
    world.end('healthy1', 'answered');
    world.attempt('again', hanging[0]);
    await turn();
    expect(world.running.has('again')).toBe(true);
  });

  it('are given up by those that are stopped', async () => {
    const world = new World();
    const stopping = new AbortController();
    for (let i = 1; i <= 16; i += 1) world.attempt(`a${i}`);
    world.attempt('stopped', {}, stopping.signal);
    world.attempt('next');
    await turn();
    stopping.abort();
    world.end('a1', 'stopped');
    await turn();
    expect([world.running.has('stopped'), world.running.has('next')]).toEqual([false, true]);
    expect(await world.slots.take({}, stopping.signal)).toBeUndefined();
  });
});
