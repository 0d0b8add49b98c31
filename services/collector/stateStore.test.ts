import { setImmediate as turn } from 'node:timers/promises';
import { pino } from 'pino';
import { FakeClock } from '../../test/support/fakeClock.js';
import type { NodeState } from '../shared/messages.js';
import { StateWriter } from './stateStore.js';

/** A bucket that takes a value when it is told to. */
function bucket() {
  const written: string[] = [];
  const writing: (() => void)[] = [];
  const put = (_key: string, value: unknown): Promise<number> => {
    written.push(String(value));
    return new Promise((resolve) => writing.push(() => resolve(written.length)));
  };
  return { written, put, take: () => writing.shift()?.() };
}

describe('writing the state down', () => {
  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8])(
    'forgets no wish that comes %i moments after a write has ended',
    async (moments) => {
      const { put, written, take } = bucket();
      let now = 1;
      const writer = new StateWriter({
        open: async () => ({ put }),
        nodeName: 'n1',
        clock: new FakeClock(),
        log: pino({ level: 'silent' }),
        value: () => ({ writtenAt: String(now) }) as NodeState,
      });
      writer.save();
      await turn();
      take();
      for (let i = 0; i < moments; i += 1) await Promise.resolve();
      now = 2;
      writer.save();
      await turn();
      take();
      await turn();
      expect(written.map((value) => (JSON.parse(value) as NodeState).writtenAt)).toEqual(['1', '2']);
    },
  );
});
