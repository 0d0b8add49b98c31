import { setTimeout as pause } from 'node:timers/promises';
import { startBroker } from './support/broker.js';
import { startConsumer } from './support/consumer.js';
import { eventually } from './support/eventually.js';
import { startPublisher } from './support/publisher.js';
import { startTestGateway, subscribe } from './support/services.js';

const LOCK_STATE = '/sync/ptp-status/lock-state';
const seconds = process.env['OUTAGE_SECONDS']?.split(',').map(Number) ?? [0.1, 1, 10];

describe('a broker that is away', () => {
  it.each(seconds)(
    'for %s s: afterwards everything goes on by itself, in order, nothing lost, nothing twice',
    async (outage) => {
      const broker = await startBroker();
      const consumer = await startConsumer();
      const publisher = await startPublisher(broker.url);
      const gateway = await startTestGateway(broker.url);
      try {
        await subscribe(gateway.api, `/cluster/node/n1${LOCK_STATE}`, consumer.url);
        await publisher.lockState('n1', 'LOCKED', 1);
        await eventually(() => consumer.accepted.length === 1);

        await broker.kill();
        await pause(outage * 1_000);
        await broker.restart();
        const backMs = performance.now();
        await publisher.lockState('n1', 'FREERUN', 2);
        await eventually(() => consumer.accepted.length >= 2, 60_000);
        const resumedMs = Math.round(performance.now() - backMs);
        const write = await eventually(async () => {
          const answer = await subscribe(gateway.api, `/cluster/node/n2${LOCK_STATE}`, consumer.url);
          return answer.status === 201;
        });
        await publisher.lockState('n1', 'LOCKED', 3);
        await eventually(() => consumer.accepted.length >= 3);

        expect(write).toBe(true);
        expect(consumer.states(LOCK_STATE)).toEqual(['LOCKED(1)', 'FREERUN(2)', 'LOCKED(3)']);
        expect(gateway.deps.failures).toEqual([]);
        process.stdout.write(`outage of ${outage} s: delivering again ${resumedMs} ms after the broker was back\n`);
      } finally {
        await gateway.stop();
        await publisher.close();
        await consumer.close();
        await broker.close();
      }
    },
    (Math.max(...seconds) + 120) * 1_000,
  );
});
