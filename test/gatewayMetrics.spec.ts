import { startBroker, type Broker } from './support/broker.js';
import { startConsumer, type Consumer } from './support/consumer.js';
import { eventually } from './support/eventually.js';
import { startPublisher, type Publisher } from './support/publisher.js';
import { startTestGateway, subscribe, type Gateway } from './support/services.js';

const LOCK_STATE = '/sync/ptp-status/lock-state';

describe("the gateway's own metrics", () => {
  let broker: Broker;
  let gateway: Gateway;
  let publisher: Publisher;
  let consumers: Consumer[];

  beforeEach(async () => {
    broker = await startBroker();
    gateway = await startTestGateway(broker.url, { INITIAL_NOTIFICATION: 'false' });
    publisher = await startPublisher(broker.url);
    consumers = [];
  });
  afterEach(async () => {
    await gateway.stop();
    await Promise.all(consumers.map((consumer) => consumer.close()));
    await publisher.close();
    await broker.close();
  });

  /** Series of one metric, by its label or `''`. */
  async function series(name: string): Promise<Record<string, number>> {
    const text = await (await fetch(`${gateway.url}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
    return Object.fromEntries(
      lines.map((line) => {
        const [, label = '', value] = /^\w+(?:\{\w+="(.*)"\})? (\S+)$/.exec(line) ?? [];
        return [label, Number(value)];
      }),
    );
  }

  it('count connections that were opened, and requests on one that was open', async () => {
    const consumer = await startConsumer();
    consumers.push(consumer);
    await subscribe(gateway.api, `/cluster/node/n1${LOCK_STATE}`, consumer.url);
    for (const offset of [1, 2, 3, 4]) {
      await publisher.lockState('n1', 'LOCKED', offset);
      await eventually(() => consumer.accepted.length === offset);
    }
    // The first opened it, three followed on it; the check of a caller without a token is not counted.
    expect(await series('ptp_gateway_connections_opened_total')).toEqual({ '': 1 });
    expect(await series('ptp_gateway_connections_reused_total')).toEqual({ '': 3 });

    await consumer.goAway();
    await consumer.comeBack();
    await publisher.lockState('n1', 'FREERUN', 5);
    await eventually(() => consumer.accepted.length === 5);
    expect(await series('ptp_gateway_connections_opened_total')).toEqual({ '': 2 });
    expect(await series('ptp_gateway_connections_reused_total')).toEqual({ '': 3 });
  });

  it('name the busiest origins alone, and give up their series when they are at rest', async () => {
    for (let i = 1; i <= 12; i += 1) {
      const consumer = await startConsumer();
      consumers.push(consumer);
      await subscribe(gateway.api, `/cluster/node/n${i}${LOCK_STATE}`, consumer.url);
      consumer.answer(() => {});
      // The first holds one event, the last twelve.
      for (let offset = 1; offset <= i; offset += 1) await publisher.lockState(`n${i}`, 'LOCKED', offset);
    }
    const held = await eventually(async () => {
      const now = await series('ptp_gateway_origin_held_events');
      return Object.values(now).reduce((a, b) => a + b, 0) === (12 * 13) / 2 && now;
    });
    const origins = consumers.map(({ url }) => new URL(url).origin);
    expect(held).toEqual({
      ...Object.fromEntries(origins.map((origin, i) => [origin, i + 1]).slice(2)),
      other: 1 + 2,
    });
    expect(await series('ptp_gateway_origin_open_lanes')).toEqual({
      ...Object.fromEntries(origins.slice(2).map((origin) => [origin, 1])),
      other: 2,
    });

    await fetch(`${gateway.api}/subscriptions`, { method: 'DELETE' });
    expect(await series('ptp_gateway_origin_held_events')).toEqual({ other: 0 });
  });
});
