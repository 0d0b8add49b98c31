import { randomUUID } from 'node:crypto';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { Kvm, type KV } from '@nats-io/kv';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { SubscriptionRecord } from '../services/gateway/subscriptions/record.js';
import { bus } from '../services/shared/contract/bus.js';
import { startBroker, type Broker } from './support/broker.js';
import { startConsumer, type Consumer } from './support/consumer.js';
import { asTimePasses, eventually } from './support/eventually.js';
import { FakeClock } from './support/fakeClock.js';
import { startPublisher, type Publisher } from './support/publisher.js';
import { startTestGateway, subscribe, type Gateway } from './support/services.js';

const LOCK_STATE = '/sync/ptp-status/lock-state';

describe('a gateway that runs while its stores are changed by others', () => {
  let broker: Broker;
  let clock: FakeClock;
  let consumer: Consumer;
  let publisher: Publisher;
  let gateway: Gateway;
  let connection: NatsConnection;
  let jsm: JetStreamManager;
  let bucket: KV;

  beforeEach(async () => {
    broker = await startBroker();
    clock = new FakeClock();
    consumer = await startConsumer();
    publisher = await startPublisher(broker.url);
    gateway = await startTestGateway(broker.url, { INITIAL_NOTIFICATION: 'false' }, clock);
    connection = await connect({ servers: broker.url });
    jsm = await jetstreamManager(connection);
    bucket = await new Kvm(connection).open(bus.buckets.subscriptions, { allow_direct: true });
  });
  afterEach(async () => {
    await connection.close();
    await gateway.stop();
    await publisher.close();
    await consumer.close();
    await broker.close();
  });

  const list = async (): Promise<{ id: string }[]> =>
    (await fetch(`${gateway.api}/subscriptions`)).json() as Promise<{ id: string }[]>;
  /** Lets the clock run until something is so: the comparison is due every minute. */
  const inAFewMinutes = (look: () => boolean | Promise<boolean>): Promise<boolean> => asTimePasses(clock, 60, look);
  async function subscribed(node: string): Promise<string> {
    const answer = await subscribe(gateway.api, `/cluster/node/${node}${LOCK_STATE}`, consumer.url);
    expect(answer.status).toBe(201);
    const [key] = (await keys()).filter((one) => !seen.has(one));
    seen.add(key ?? '');
    return key ?? '';
  }
  const seen = new Set<string>();
  async function keys(): Promise<string[]> {
    const found: string[] = [];
    for await (const key of await bucket.keys()) found.push(key);
    return found;
  }

  it('lets go of a subscription that was deleted from the bucket, and keeps the others', async () => {
    const gone = await subscribed('n1');
    await subscribed('n2');
    await bucket.delete(gone);

    await inAFewMinutes(async () => (await list()).length === 1);

    await publisher.lockState('n1', 'LOCKED', 1);
    await publisher.lockState('n2', 'LOCKED', 2);
    await eventually(() => consumer.accepted.length > 0);
    expect(consumer.states(LOCK_STATE)).toEqual(['LOCKED(2)']);
  });

  it('serves a subscription that was put into the bucket, from where it starts, and passes over garbage', async () => {
    const mine = await subscribed('n1');
    const record = (await bucket.get(mine))?.json<SubscriptionRecord>() as SubscriptionRecord;
    const id = randomUUID();
    const resource = `/cluster/node/n7${LOCK_STATE}`;
    const filter = { node: 'n7', path: LOCK_STATE };
    await publisher.lockState('n7', 'LOCKED', 1);
    const start = (await jsm.streams.info(bus.streams.events)).state.last_seq;
    await publisher.lockState('n7', 'FREERUN', 2);
    await bucket.put(`cluster.${id}`, JSON.stringify({ ...record, id, resource, filter, start, incarnation: 'x' }));
    await bucket.put('cluster.garbage', 'garbage');
    await bucket.put('cluster.half', '{"id":"half"}');

    await inAFewMinutes(() => consumer.accepted.length > 0);

    expect(consumer.states(LOCK_STATE)).toEqual(['FREERUN(2)']);
    expect(await list()).toHaveLength(2);
    await publisher.lockState('n7', 'LOCKED', 3);
    await eventually(() => consumer.accepted.length === 2);
  });

  it('follows a subscription that was changed in the bucket', async () => {
    const mine = await subscribed('n1');
    const record = (await bucket.get(mine))?.json<SubscriptionRecord>() as SubscriptionRecord;
    await bucket.put(mine, JSON.stringify({ ...record, dataVersion: 'v1' }));
    let offset = 0;
    await inAFewMinutes(async () => {
      await publisher.lockState('n1', 'LOCKED', (offset += 1));
      const pushed = await eventually(() => consumer.accepted[offset - 1]);
      return pushed.event.data.version === 'v1';
    });
    expect(consumer.accepted[0]?.event.data.version).toBe('1.0');
  });

  it('makes streams and buckets again when they are gone, and writes its subscriptions back', async () => {
    const mine = await subscribed('n1');
    const { streams, buckets } = bus;
    const all = [...Object.values(streams), ...Object.values(buckets).map((name) => `KV_${name}`)];
    const own: string[] = [];
    for await (const name of jsm.streams.names()) if (all.includes(name)) own.push(name);
    for (const name of own) await jsm.streams.delete(name);

    await inAFewMinutes(async () => (await bucket.get(mine))?.operation === 'PUT');
    for (const name of own) expect((await jsm.streams.info(name)).config.name).toBe(name);

    await publisher.lockState('n1', 'LOCKED', 1);
    await inAFewMinutes(() => consumer.accepted.length > 0);
    expect(consumer.states(LOCK_STATE)).toEqual(['LOCKED(1)']);
    expect(await list()).toHaveLength(1);
    // The cursor is saved again, too.
    await eventually(async () => (await jsm.streams.info(`KV_${buckets.cursors}`)).state.messages > 0);
    expect(gateway.deps.failures).toEqual([]);
  });

  it('goes on, subscriptions and all, after a broker that has lost its store', async () => {
    await subscribed('n1');
    await publisher.lockState('n1', 'LOCKED', 1);
    await eventually(() => consumer.accepted.length === 1);

    await broker.kill();
    broker.loseStore();
    await broker.restart();
    const publishing = publisher.lockState('n1', 'FREERUN', 2);
    await inAFewMinutes(() => consumer.accepted.length === 2);
    await publishing;

    expect(consumer.states(LOCK_STATE)).toEqual(['LOCKED(1)', 'FREERUN(2)']);
    await inAFewMinutes(async () => (await keys()).length === 1);
    expect(gateway.deps.failures).toEqual([]);
  });
});
