import { backToLanes, PlayedEndpoint, PlayedLanes } from '../../../test/support/deliveries.js';
import { FakeClock } from '../../../test/support/fakeClock.js';
import type { Delivery } from '../delivery/delivery.js';
import { Stage } from '../delivery/stage.js';
import { CONNECTIONS_PER_ORIGIN, OriginLimiter } from './originLimiter.js';
import { ACCEPTED, CANCELLED, type AttemptResult } from './result.js';

const FAILED = { kind: 'failed', reason: 'answered 500' } as const;

class World {
  readonly clock = new FakeClock();
  readonly endpoint = new PlayedEndpoint();
  readonly limiter = Stage.chain(backToLanes, new OriginLimiter(this.clock), this.endpoint);
  readonly #begun = new Map<string, Delivery>();

  attempt(name: string, lanes = new PlayedLanes()): void {
    const delivery = lanes.delivery();
    this.#begun.set(name, delivery);
    this.limiter.start(delivery);
  }

  end(name: string, result: AttemptResult): void {
    const delivery = this.#begun.get(name);
    if (delivery && this.isRunning(name)) this.endpoint.answer(delivery, result);
  }

  cancel(name: string): void {
    const delivery = this.#begun.get(name);
    delivery?.waitsIn?.cancel(delivery);
  }

  isRunning(name: string): boolean {
    const delivery = this.#begun.get(name);
    return delivery !== undefined && this.endpoint.attempts.includes(delivery);
  }

  get running(): string[] {
    return [...this.#begun.keys()].filter((name) => this.isRunning(name));
  }
}

describe('the permits of one origin', () => {
  it('are 16, and the next one in order begins when one ends', () => {
    const world = new World();
    for (let i = 1; i <= 18; i += 1) world.attempt(`a${i}`);
    expect(world.running).toHaveLength(16);

    world.end('a3', ACCEPTED);
    expect([world.isRunning('a17'), world.isRunning('a18')]).toEqual([true, false]);
  });

  it('pass on after a second, while the slow attempt goes on', () => {
    const world = new World();
    for (let i = 1; i <= 40; i += 1) world.attempt(`hanging${i}`);
    for (let i = 1; i <= 10; i += 1) world.attempt(`healthy${i}`);
    for (let second = 1; second <= 3; second += 1) world.clock.advance({ seconds: 1 });
    expect(world.running).toHaveLength(50);
  });

  it('are never more than there are connections', () => {
    const world = new World();
    for (let i = 1; i <= 200; i += 1) world.attempt(`hanging${i}`);
    let most = 0;
    for (let second = 1; second <= 9; second += 1) {
      world.clock.advance({ seconds: 1 });
      most = Math.max(most, world.running.length);
    }
    expect(most).toBe(CONNECTIONS_PER_ORIGIN);
    for (let i = 1; i <= 64; i += 1) world.end(`hanging${i}`, FAILED);
    expect(world.running).toHaveLength(16);
  });

  it('are not taken by those that failed slowly, who wait for each other', () => {
    const world = new World();
    const hanging = Array.from({ length: 40 }, () => new PlayedLanes());
    const all = (): void => hanging.forEach((lanes, i) => world.attempt(`hanging${i}`, lanes));
    all();
    for (let second = 1; second <= 10; second += 1) world.clock.advance({ seconds: 1 });
    for (let i = 0; i < 40; i += 1) world.end(`hanging${i}`, FAILED);

    all();
    for (let i = 1; i <= 16; i += 1) world.attempt(`healthy${i}`);
    expect(world.running.filter((name) => name.startsWith('healthy'))).toHaveLength(16);
    expect(world.running.filter((name) => name.startsWith('hanging'))).toHaveLength(16);

    // One that answers is like the others again.
    world.end('hanging0', ACCEPTED);
    world.end('healthy1', ACCEPTED);
    world.attempt('again', hanging[0]);
    expect(world.isRunning('again')).toBe(true);
  });

  it('are not given to those that are stopped', () => {
    const world = new World();
    const stopped = new PlayedLanes();
    for (let i = 1; i <= 16; i += 1) world.attempt(`a${i}`);
    world.attempt('cancelled', stopped);
    world.attempt('still waiting', stopped);
    world.attempt('next');
    world.cancel('cancelled');
    stopped.isStopping = true;
    world.end('a1', CANCELLED);
    expect(['cancelled', 'still waiting', 'next'].map((name) => world.isRunning(name))).toEqual([false, false, true]);
    expect(stopped.results.map(({ result }) => result)).toEqual([CANCELLED, CANCELLED]);
  });
});
