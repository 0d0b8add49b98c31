import { backToLanes, PlayedEndpoint, PlayedLanes } from '../../../test/support/deliveries.js';
import { FakeClock } from '../../../test/support/fakeClock.js';
import type { Delivery } from '../delivery/delivery.js';
import { Stage } from '../delivery/stage.js';
import type { Request } from './request.js';
import { ACCEPTED } from './result.js';
import { TimeLimit } from './timeLimit.js';

describe('a time limit', () => {
  const clock = new FakeClock();
  const limit = new TimeLimit(1_000, clock);
  const endpoint = new PlayedEndpoint();
  Stage.chain(backToLanes, limit, endpoint);
  const lanes = new PlayedLanes();
  const timedOut: string[] = [];
  const limited = (name: string): Delivery => {
    const delivery = lanes.delivery();
    delivery.request = {
      timeOut: (ms: number) => void timedOut.push(`${name} after ${ms}`),
    } as unknown as Request<Delivery>;
    return delivery;
  };
  const start = (delivery: Delivery): void => {
    delivery.postMs = clock.monotonic();
    limit.start(delivery);
  };

  it('ends what takes longer, and nothing else', () => {
    const [a, b, c] = [limited('a'), limited('b'), limited('c')];
    start(a);
    clock.advance({ ms: 400 });
    start(b);
    start(c);
    endpoint.answer(c, ACCEPTED);
    clock.advance({ ms: 599 });
    expect(timedOut).toEqual([]);
    clock.advance({ ms: 1 });
    expect(timedOut).toEqual(['a after 1000']);
    clock.advance({ ms: 400 });
    expect(timedOut).toEqual(['a after 1000', 'b after 1000']);

    start(a);
    limit.close();
    clock.advance({ seconds: 10 });
    expect(timedOut).toHaveLength(2);
  });
});
