import { Slots } from './slots.js';

const never = new AbortController().signal;

describe('slots', () => {
  it('lets so many in, and the next one when somebody leaves, in order', async () => {
    const slots = new Slots(2);
    const order: string[] = [];
    const first = await slots.take(never);
    await slots.take(never);
    const third = slots.take(never).then((giveBack) => (order.push('third'), giveBack));
    const fourth = slots.take(never).then((giveBack) => (order.push('fourth'), giveBack));

    first?.();
    (await third)?.();
    await fourth;

    expect(order).toEqual(['third', 'fourth']);
  });

  it('lets a waiting one go when it is told to stop, and forgets it', async () => {
    const slots = new Slots(1);
    const giveBack = await slots.take(never);
    const stopping = new AbortController();
    const waiting = slots.take(stopping.signal);
    stopping.abort();
    expect(await waiting).toBeUndefined();

    giveBack?.();
    expect(await slots.take(never)).toBeDefined();
    expect(await slots.take(stopping.signal)).toBeUndefined();
  });
});
