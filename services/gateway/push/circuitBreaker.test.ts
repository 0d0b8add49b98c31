import { backToLanes, PlayedEndpoint, PlayedLanes } from '../../../test/support/deliveries.js';
import { FakeClock } from '../../../test/support/fakeClock.js';
import { Stage } from '../delivery/stage.js';
import { CircuitBreaker } from './circuitBreaker.js';
import { ACCEPTED, CANCELLED } from './result.js';

const FAILED = { kind: 'failed', reason: 'answered 500' } as const;

function start() {
  const clock = new FakeClock();
  const lanes = new PlayedLanes();
  const endpoint = new PlayedEndpoint();
  const breaker = Stage.chain(backToLanes, new CircuitBreaker(clock, () => 1), endpoint);
  const begin = () => {
    const delivery = lanes.delivery();
    breaker.start(delivery);
    return delivery;
  };
  const isBegun = (delivery: ReturnType<typeof begin>): boolean => endpoint.attempts.includes(delivery);
  return { clock, lanes, endpoint, begin, isBegun };
}

describe('the circuit of a subscription', () => {
  it('has eight attempts side by side, and the next one when one ends', () => {
    const { endpoint, begin, isBegun } = start();
    const first = begin();
    for (let i = 0; i < 7; i += 1) expect(isBegun(begin())).toBe(true);
    const ninth = begin();
    expect(isBegun(ninth)).toBe(false);
    endpoint.answer(first, ACCEPTED);
    expect(isBegun(ninth)).toBe(true);
  });

  it('makes one attempt at a time with growing pauses when attempt after attempt fails, until one succeeds', () => {
    const { clock, lanes, endpoint, begin, isBegun } = start();
    for (let i = 0; i < 3; i += 1) endpoint.answer(begin(), FAILED);
    expect(lanes.circuit.isFailing).toBe(true);
    const [first, second] = [begin(), begin()];
    expect(isBegun(first)).toBe(false);
    clock.advance({ ms: 100 });
    expect(isBegun(first)).toBe(true);
    expect(isBegun(second)).toBe(false);
    endpoint.answer(first, FAILED);
    clock.advance({ ms: 199 });
    expect(isBegun(second)).toBe(false);
    clock.advance({ ms: 1 });
    expect(isBegun(second)).toBe(true);
    endpoint.answer(second, ACCEPTED);
    expect(lanes.circuit.isFailing).toBe(false);
    expect(lanes.recoveries).toBe(1);
    for (let i = 0; i < 8; i += 1) expect(isBegun(begin())).toBe(true);
  });

  it('pauses as long as the endpoint asks', () => {
    const { clock, endpoint, begin, isBegun } = start();
    endpoint.answer(begin(), { ...FAILED, afterMs: 7_000 });
    const next = begin();
    clock.advance({ ms: 6_999 });
    expect(isBegun(next)).toBe(false);
    clock.advance({ ms: 1 });
    expect(isBegun(next)).toBe(true);
  });

  it('lets nobody through who is told to stop', () => {
    const { lanes, endpoint, begin } = start();
    endpoint.answer(begin(), { ...FAILED, afterMs: 7_000 });
    const waiting = begin();
    lanes.isStopping = true;
    waiting.waitsIn?.cancel(waiting);
    const late = begin();
    expect(lanes.results.slice(1)).toEqual([
      { delivery: waiting, result: CANCELLED },
      { delivery: late, result: CANCELLED },
    ]);
    expect(endpoint.attempts).toEqual([]);
  });
});
