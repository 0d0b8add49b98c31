import { setImmediate as turn } from 'node:timers/promises';
import { FakeClock } from '../../../test/support/fakeClock.js';
import { testDeps } from '../../../test/support/services.js';
import type { GatewayReport } from '../../shared/messages.js';
import { startReports } from './report.js';
import type { Sender } from './sender.js';

const state = {
  isReading: true,
  tailSequence: 7,
  lastSequence: 9,
  behind: 1,
  oldestUndeliveredSeconds: 2,
  cursorAgeSeconds: 3,
};

describe('a gateway', () => {
  it('reports now and every 5 s, and counts the nodes once a minute', async () => {
    const clock = new FakeClock();
    const { life } = testDeps(clock);
    const sent: [string, GatewayReport][] = [];
    let isConnected = true;
    let counted = 0;
    startReports({
      sender: {
        canSend: () => isConnected,
        send: (subject: string, report: GatewayReport) => sent.push([subject, report]),
      } as unknown as Sender,
      clock,
      life,
      scope: 'green',
      gateway: 'g1',
      engine: { state: () => state },
      subscriptions: () => 4,
      async countNodes() {
        counted += 1;
        // The broker is away the second time: the last count stands.
        if (counted === 2) throw new Error('away');
        return 40 + counted;
      },
    });
    await turn();
    expect(sent).toEqual([
      ['ptp.gateways.green', { scope: 'green', gateway: 'g1', ...state, subscriptions: 4, nodes: 41 }],
    ]);

    for (let n = 1; n <= 24; n += 1) {
      isConnected = n !== 3;
      clock.advance({ seconds: 5 });
      await turn();
    }
    expect(sent).toHaveLength(24);
    expect(counted).toBe(3);
    expect(sent.map(([, { nodes }]) => nodes)).toEqual([...Array<number>(23).fill(41), 43]);

    await life.stop();
    clock.advance({ seconds: 5 });
    await turn();
    expect(sent).toHaveLength(24);
  });
});
