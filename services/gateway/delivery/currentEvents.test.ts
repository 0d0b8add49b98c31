import { setImmediate as turn } from 'node:timers/promises';
import { CurrentEvents } from './currentEvents.js';

describe('asking nodes for their states', () => {
  it('lets go of who is not to be told any more, also while nodes that do not answer keep all the places', async () => {
    const silent = new CurrentEvents(() => new Promise(() => {}));
    for (let i = 0; i < 1_000; i += 1) void silent.of('n1', '/sync', () => {}, new AbortController().signal);
    const gone = new AbortController();
    let isAsked = false;
    const answer = silent.of('n2', '/sync', () => (isAsked = true), gone.signal);
    await turn();
    gone.abort();

    expect(await answer).toEqual({ kind: 'silent' });
    expect(isAsked).toBe(false);
  });
});
