import { setImmediate as turn } from 'node:timers/promises';
import { pino } from 'pino';
import { FakeClock } from '../../test/support/fakeClock.js';
import type { NodeState } from '../shared/messages.js';
import { StateWriter } from './stateStore.js';

/** A writer of the values 1, 2, 3 …, and a bucket that takes or refuses them when it is told to. */
function world() {
  const written: string[] = [];
  const writing: ((isTaken: boolean) => void)[] = [];
  const clock = new FakeClock();
  const now = { value: 1 };
  const put = (_key: string, value: unknown): Promise<number> => {
    written.push((JSON.parse(String(value)) as NodeState).writtenAt);
    return new Promise((resolve, reject) =>
      writing.push((isTaken) => (isTaken ? resolve(written.length) : reject(new Error('no')))),
    );
  };
  const writer = new StateWriter({
    open: async () => ({ put }),
    nodeName: 'n1',
    clock,
    log: pino({ level: 'silent' }),
    value: () => ({ writtenAt: String(now.value) }) as NodeState,
  });
  const answer = async (isTaken: boolean): Promise<void> => {
    await turn();
    writing.shift()?.(isTaken);
    await turn();
  };
  /** The next value is worth remembering. */
  const change = (event?: { subject: string; clock: string }): void => {
    now.value += 1;
    writer.save(event);
  };
  return { written, writing, clock, writer, change, answer };
}

const A = { subject: 's', clock: 'a' };
const B = { subject: 's', clock: 'b' };
const OTHER = { subject: 't', clock: 'b' };

describe('writing the state down', () => {
  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8])(
    'forgets no wish that comes %i moments after a write has ended',
    async (moments) => {
      const { written, writing, clock, change, answer } = world();
      change(A);
      await turn();
      writing.shift()?.(true);
      for (let i = 0; i < moments; i += 1) await Promise.resolve();
      change(A);
      clock.advance({ ms: 250 });
      await answer(true);
      expect(written).toEqual(['2', '3']);
    },
  );

  it('writes at once after a while, and then the newest value every 250 ms', async () => {
    const { written, clock, change, answer } = world();
    change(A);
    await answer(true);
    for (const event of [A, OTHER, A]) change(event);
    clock.advance({ ms: 249 });
    await turn();
    expect(written).toEqual(['2']);
    clock.advance({ ms: 1 });
    await answer(true);
    clock.advance({ ms: 10_000 });
    await turn();
    expect(written).toEqual(['2', '5']);
    change(A);
    await answer(true);
    expect(written).toEqual(['2', '5', '6']);
  });

  it('does not wait when the last event of a subject tells of another clock than the one before', async () => {
    const { written, change, answer } = world();
    change(A);
    await answer(true);
    change(A);
    await turn();
    expect(written).toEqual(['2']);
    change(B);
    await answer(true);
    expect(written).toEqual(['2', '4']);
  });

  it('does not wait when no event tells of it', async () => {
    const { written, change, answer } = world();
    change(A);
    await answer(true);
    change();
    await answer(true);
    expect(written).toEqual(['2', '3']);
  });

  it('writes what did not wait as soon as the write under way has ended', async () => {
    const { written, change, answer } = world();
    for (const event of [A, A, B]) {
      change(event);
      await turn();
    }
    expect(written).toEqual(['2']);
    await answer(true);
    expect(written).toEqual(['2', '4']);
  });

  it('tries again a second later, whatever comes in between', async () => {
    const { written, clock, change, answer } = world();
    change(A);
    await answer(false);
    change(B);
    change();
    clock.advance({ ms: 999 });
    await turn();
    expect(written).toEqual(['2']);
    clock.advance({ ms: 1 });
    await answer(true);
    expect(written).toEqual(['2', '4']);
  });

  it('writes the newest value when it is closed, after the write under way', async () => {
    const { written, writer, change, answer } = world();
    change(A);
    await turn();
    change(A);
    const closed = writer.close();
    await answer(true);
    await answer(true);
    await closed;
    expect(written).toEqual(['2', '3']);
  });

  it('gives up when it is closed and the bus does not answer', async () => {
    const { written, clock, writer, change, answer } = world();
    change(A);
    await turn();
    const closed = writer.close();
    await answer(false);
    await closed;
    expect([written, clock.pending]).toEqual([['2'], 0]);
  });
});
