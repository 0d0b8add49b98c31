import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startBroker, type Broker } from './support/broker.js';
import { startConsumer, type Consumer } from './support/consumer.js';
import { eventually } from './support/eventually.js';
import { startPublisher, type Publisher } from './support/publisher.js';
import { startTestGateway, subscribe, type Gateway } from './support/services.js';

const LOCK_STATE = '/sync/ptp-status/lock-state';
const EACH = 100;
const EVENTS = 20;

/** Consumers that take the endpoint check and then never answer an event. */
async function startHanging(): Promise<{ url: string; open: () => number; close: () => Promise<void> }> {
  let open = 0;
  const server = createServer((req, res) => {
    if (req.headers['ptp-subscription-id'] === undefined) {
      res.writeHead(204).end();
      return;
    }
    open += 1;
    res.on('close', () => (open -= 1));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    open: () => open,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

describe('100 healthy consumers beside 100 that hang and 100 that refuse', () => {
  let broker: Broker;
  let gateway: Gateway;
  let publisher: Publisher;
  const healthy: Consumer[] = [];
  const hanging: Awaited<ReturnType<typeof startHanging>>[] = [];

  beforeAll(async () => {
    broker = await startBroker();
    gateway = await startTestGateway(broker.url, { INITIAL_NOTIFICATION: 'false' });
    publisher = await startPublisher(broker.url);
    for (let i = 0; i < EACH; i += 1) {
      healthy.push(await startConsumer());
      hanging.push(await startHanging());
    }
  }, 60_000);
  afterAll(async () => {
    await gateway.stop();
    await Promise.all([...healthy, ...hanging].map((consumer) => consumer.close()));
    await publisher.close();
    await broker.close();
  }, 60_000);

  it('have all got all their events while the hanging requests are still open', async () => {
    const resource = `/cluster/node/*${LOCK_STATE}`;
    const refusing = await Promise.all(Array.from({ length: EACH }, startConsumer));
    for (const consumer of [...refusing, ...hanging, ...healthy]) {
      expect((await subscribe(gateway.api, resource, consumer.url)).status).toBe(201);
    }
    await Promise.all(refusing.map((consumer) => consumer.close()));

    for (let i = 0; i < EVENTS; i += 1) await publisher.lockState(`n${i % 4}`, 'LOCKED', i);
    await eventually(() => healthy.every(({ accepted }) => accepted.length >= EVENTS));

    expect(healthy.map(({ accepted }) => accepted.length)).toEqual(Array(EACH).fill(EVENTS));
    expect(hanging.every(({ open }) => open() > 0)).toBe(true);
  }, 60_000);
});
