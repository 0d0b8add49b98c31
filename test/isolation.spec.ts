import { startBroker, type Broker } from './support/broker.js';
import { startConsumer, type Consumer } from './support/consumer.js';
import { eventually } from './support/eventually.js';
import { startHanging, type HangingConsumer } from './support/hanging.js';
import { startPublisher, type Publisher } from './support/publisher.js';
import { startTestGateway, subscribe, type Gateway } from './support/services.js';

const LOCK_STATE = '/sync/ptp-status/lock-state';
const EACH = 100;
const EVENTS = 20;

describe('100 healthy consumers beside 100 that hang and 100 that refuse', () => {
  let broker: Broker;
  let gateway: Gateway;
  let publisher: Publisher;
  const healthy: Consumer[] = [];
  const hanging: HangingConsumer[] = [];

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

describe('10 healthy consumers behind the same origin as 40 that hang', () => {
  it('have got all their events while the hanging requests are still open', async () => {
    const broker = await startBroker();
    const gateway = await startTestGateway(broker.url, { INITIAL_NOTIFICATION: 'false' });
    const publisher = await startPublisher(broker.url);
    const got = new Map<string, number>();
    const ingress = await startHanging((path) => {
      if (!path.startsWith('/healthy')) return false;
      got.set(path, (got.get(path) ?? 0) + 1);
      return true;
    });
    try {
      const paths = [...Array(40).keys()].map((i) => `/hanging${i}`);
      for (const path of [...paths, ...[...Array(10).keys()].map((i) => `/healthy${i}`)]) {
        const answer = await subscribe(gateway.api, `/cluster/node/n1${LOCK_STATE}`, `${ingress.url}${path}`);
        expect(answer.status).toBe(201);
      }
      for (let i = 1; i <= EVENTS; i += 1) await publisher.lockState('n1', 'LOCKED', i);

      await eventually(() => got.size === 10 && [...got.values()].every((count) => count === EVENTS));
      expect(ingress.open()).toBeGreaterThan(0);
    } finally {
      await gateway.stop();
      await ingress.close();
      await publisher.close();
      await broker.close();
    }
  }, 60_000);
});
