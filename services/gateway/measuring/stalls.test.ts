import { Stalls } from './stalls.js';

/** A watch that has ticked every 20 ms up to 1 s. */
function steady(): Stalls {
  const stalls = new Stalls(0);
  for (let ms = 20; ms <= 1_000; ms += 20) stalls.tick(ms);
  return stalls;
}

describe('what is read', () => {
  it('in the normal course, also between late ticks, has not waited', () => {
    const stalls = steady();
    expect(stalls.before(1_019)).toBe(0);
    stalls.tick(1_045);
    expect(stalls.before(1_090)).toBe(0);
  });

  it('first after a stall may have waited since the last tick', () => {
    expect(steady().before(1_250)).toBe(250);
  });

  it('shortly after the tick that ends a stall may have waited just as long', () => {
    const stalls = steady();
    stalls.tick(1_250);
    expect(stalls.before(1_251)).toBe(251);
    stalls.tick(1_270);
    expect(stalls.before(1_275)).toBe(275);
    stalls.tick(1_290);
    expect(stalls.before(1_291)).toBe(0);
  });
});
