import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { bus } from '../services/shared/contract/bus.js';
import { startBroker, type Broker } from './support/broker.js';
import { startConsumer } from './support/consumer.js';
import { eventually } from './support/eventually.js';
import { startPublisher, type Publisher } from './support/publisher.js';
import { listenForReceipts, type Listener } from './support/receipts.js';
import { startTestGateway, subscribe } from './support/services.js';

const { canary } = bus.streams;

describe('canaries', () => {
  let broker: Broker;
  let publisher: Publisher;
  let listener: Listener;
  let connection: NatsConnection;
  let jsm: JetStreamManager;

  beforeEach(async () => {
    broker = await startBroker();
    listener = await listenForReceipts(broker.url);
    connection = await connect({ servers: broker.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
    jsm = await jetstreamManager(connection, { checkAPI: false });
  });
  afterEach(async () => {
    await publisher.close();
    await connection.close();
    await listener.close();
    await broker.close();
  });

  const isRead = (): Promise<boolean> =>
    eventually(async () => (await jsm.streams.info(canary)).state.consumer_count === 1);

  it('are delivered over real HTTP to a sink of the gateway, with receipts, and never mixed with events', async () => {
    // Its policy forbids the loopback interface to endpoints that somebody names.
    const gateway = await startTestGateway(broker.url, { ENDPOINT_POLICY: 'cluster' });
    const sidecar = await startTestGateway(broker.url, { ENDPOINT_POLICY: 'local', GATEWAY_SCOPE: 'pod-1' });
    const consumer = await startConsumer();
    publisher = await startPublisher(broker.url);
    try {
      expect((await subscribe(sidecar.api, '/cluster/node/*/sync', consumer.url)).status).toBe(201);
      await isRead();
      await publisher.raw(`${bus.subjects.canary}.n1`, 'not an event');
      const one = await publisher.canary('n1.example');
      const event = await publisher.lockState('n1.example', 'LOCKED');
      const { delivery } = await eventually(() => listener.deliveries(one)[0]);
      await eventually(() => listener.tails(event).length === 2 && listener.deliveries(event).length === 1);

      expect(delivery).toMatchObject({ subscription: 'canary', outcome: 'delivered', attempts: 1, weight: 1 });
      expect(delivery.postMs).toBeGreaterThan(0);
      expect(listener.tails(one)).toMatchObject([
        { subject: 'ptp.canary.n1_example', scope: 'cluster', tail: { matches: 1 } },
      ]);
      expect(consumer.received.map(({ event: { id } }) => id)).toEqual([event.id]);
      const metrics = await gateway.deps.registry.metrics();
      expect(metrics).toMatch(/ptp_gateway_canary_deliveries_total\{outcome="delivered"\} 1\n/);
      expect(metrics).toMatch(/ptp_gateway_canary_deliveries_total\{outcome="malformed"\} 1\n/);
      expect(metrics).toMatch(/ptp_gateway_bad_messages_total 0\n/);
      expect(metrics).not.toMatch(/^cne_.*canary/m);
      expect(metrics).not.toMatch(/ptp_gateway_deliveries_total\{.*\} [1-9]/);
    } finally {
      await gateway.stop();
      await sidecar.stop();
      await consumer.close();
    }
  });

  it('go on when the broker has lost their stream, which was in memory', async () => {
    const gateway = await startTestGateway(broker.url);
    publisher = await startPublisher(broker.url);
    try {
      await isRead();
      await broker.restart();
      // A canary of the time before the tail is back is delivered or not; one after it is.
      await eventually(async () => {
        const one = await publisher.canary('n1');
        return eventually(() => listener.deliveries(one)[0], 500);
      });
      expect(gateway.deps.failures).toEqual([]);
    } finally {
      await gateway.stop();
    }
  });
});
