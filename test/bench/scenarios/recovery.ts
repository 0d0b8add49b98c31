import { Consumer } from '../consumerProcess.js';
import { firstDelivery } from '../delays.js';
import { Daemon } from '../lines.js';
import type { Figure, Scenario } from '../scenario.js';
import { LOCK_STATE, NODE, Services } from '../systems.js';
import { monotonicMs, until } from '../waiting.js';

const PARTS = ['collector', 'gateway', 'broker'] as const;

export const recoveryScenario: Scenario = {
  name: 'recovery',
  what: 'each part killed and started again while lines come: its start, and its being ready, to the first new delivery',
  rounds: 3,
  async open() {
    const consumer = await Consumer.start();
    const services = await Services.start();
    await services.subscribe(`/cluster/node/${NODE}${LOCK_STATE}`, consumer.url);
    let next = (await firstDelivery(() => Daemon.connect(services.socket), consumer, 1)).next;
    const restart = async (part: (typeof PARTS)[number]): Promise<number> => {
      if (part === 'broker') return services.broker.restart();
      await services.program(part).end('SIGKILL');
      const startedMs = monotonicMs();
      services.spawnOne(part, Number(new URL(services.url(part)).port));
      return startedMs;
    };
    const isReady = async (part: (typeof PARTS)[number]): Promise<boolean> =>
      part === 'broker' || (await services.ready(part));
    return {
      async round() {
        const figures: Figure[] = [];
        for (const part of PARTS) {
          // What the system did with the last lines is over.
          await until('it rests', async () => (await fetch(`${services.url('gateway')}/readyz`)).ok);
          const startedMs = await restart(part);
          const ready = isReady(part).then(() => monotonicMs());
          const { atMs, next: after } = await firstDelivery(() => Daemon.connect(services.socket), consumer, next);
          // Others than any line that may still be on its way; even, so that each line goes on changing the state.
          next = after + 1_000 + (after % 2);
          figures.push(
            { name: `${part}, from its start`, unit: 'ms', value: atMs - startedMs },
            { name: `${part}, from when it is ready`, unit: 'ms', value: Math.max(0, atMs - (await ready)) },
          );
        }
        return figures;
      },
      async close() {
        await services.end();
        await consumer.end();
      },
    };
  },
};
