import { jetstreamManager, type ConsumerInfo, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { bus } from '../services/shared/contract/bus.js';
import { startBroker, type Broker } from './support/broker.js';
import { startConsumer, type Consumer } from './support/consumer.js';
import { asTimePasses, eventually } from './support/eventually.js';
import { FakeClock } from './support/fakeClock.js';
import { startProxy } from './support/proxy.js';
import { startPublisher, type Publisher } from './support/publisher.js';
import { startTestGateway, subscribe, type Gateway } from './support/services.js';

const LOCK_STATE = '/sync/ptp-status/lock-state';
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

let broker: Broker;
let consumer: Consumer;
let publisher: Publisher;
let connection: NatsConnection;
let jsm: JetStreamManager;

beforeEach(async () => {
  broker = await startBroker();
  consumer = await startConsumer();
  publisher = await startPublisher(broker.url);
  connection = await connect({ servers: broker.url });
  jsm = await jetstreamManager(connection);
});
afterEach(async () => {
  await connection.close();
  await publisher.close();
  await consumer.close();
  await broker.close();
});

/** Offsets that were accepted of a node's events. */
const offsets = (node: string): number[] =>
  consumer.accepted
    .filter(({ event }) => event.source.startsWith(`/cluster/node/${node}/`))
    .map(({ event }) => Number(event.data.values[1]?.value));

async function readers(): Promise<ConsumerInfo[]> {
  const found: ConsumerInfo[] = [];
  for await (const one of jsm.consumers.list(bus.streams.events)) found.push(one);
  return found;
}
const reader = async (filter: string | undefined): Promise<ConsumerInfo | undefined> =>
  (await readers()).find(({ config }) => config.filter_subject === filter);
const lastSequence = async (): Promise<number> => (await jsm.streams.info(bus.streams.events)).state.last_seq;

describe('the tail of a gateway that knows its node', () => {
  const vars = { NODE_NAME: 'n1', GATEWAY_SCOPE: 'du-1', INITIAL_NOTIFICATION: 'false' };
  let clock: FakeClock;
  let gateway: Gateway;

  beforeEach(async () => {
    clock = new FakeClock();
    gateway = await startTestGateway(broker.url, vars);
  });
  afterEach(() => gateway.stop());

  async function restart(): Promise<void> {
    await gateway.stop();
    gateway = await startTestGateway(broker.url, vars, clock);
  }

  const position = async (): Promise<number> => {
    const text = await (await fetch(`${gateway.url}/metrics`)).text();
    return Number(/^ptp_gateway_tail_sequence (\d+)$/m.exec(text)?.[1]);
  };

  it('is sent the events of that node alone while all subscriptions name it', async () => {
    await subscribe(gateway.api, `/cluster/node/n1${LOCK_STATE}`, consumer.url);
    for (const offset of upTo(40)) await publisher.lockState(offset % 10 === 0 ? 'n1' : 'n2', 'LOCKED', offset);
    await eventually(() => offsets('n1').length === 4);

    const filtered = await eventually(() => reader('ptp.events.n1.>'));
    expect(filtered.delivered.consumer_seq).toBe(4);
    expect(await readers()).toHaveLength(1);
  });

  it('reads everything as soon as another node is subscribed, from that moment on, and loses nothing', async () => {
    await subscribe(gateway.api, `/cluster/node/n1${LOCK_STATE}`, consumer.url);
    let published = 0;
    let isEnough = false;
    const publishing = (async () => {
      while (!isEnough || published < 100) {
        published += 1;
        await publisher.lockState('n1', 'LOCKED', published);
        await publisher.lockState('n2', 'LOCKED', published);
      }
    })();
    await eventually(() => published > 30);
    const before = published;
    expect((await subscribe(gateway.api, '/cluster/node/*/sync', consumer.url.replace('event', 'all'))).status).toBe(
      201,
    );
    const after = published;
    isEnough = true;
    await publishing;
    await eventually(() => offsets('n2').at(-1) === published);

    // Nothing from before the subscription, everything after its answer.
    const seen = offsets('n2');
    expect(seen[0]).toBeGreaterThanOrEqual(before - 1);
    expect(seen[0]).toBeLessThanOrEqual(after + 1);
    expect(seen).toEqual(upTo(published).slice((seen[0] ?? 0) - 1));
    const own = consumer.accepted.filter(({ headers }) => headers['ptp-subscription-id'] !== undefined);
    const first = own[0]?.headers['ptp-subscription-id'];
    await eventually(
      () => consumer.accepted.filter(({ headers }) => headers['ptp-subscription-id'] === first).length === published,
    );
  });

  it('reads its node alone again when the other subscription is gone, and loses nothing', async () => {
    await restart();
    await subscribe(gateway.api, `/cluster/node/n1${LOCK_STATE}`, consumer.url);
    const answer = await subscribe(gateway.api, `/cluster/node/n2${LOCK_STATE}`, consumer.url);
    const { id } = (await answer.json()) as { id: string };
    await eventually(() => reader(undefined));
    await fetch(`${gateway.api}/subscriptions/${id}`, { method: 'DELETE' });
    await publisher.lockState('n1', 'LOCKED', 1);
    await eventually(() => offsets('n1').length === 1);

    await asTimePasses(clock, 30, () => reader('ptp.events.n1.>'));
    await publisher.lockState('n1', 'LOCKED', 2);
    await eventually(() => offsets('n1').length === 2);
    expect(offsets('n1')).toEqual([1, 2]);
  });

  it('passes over the events of others, so that neither retention nor a restart finds it far behind', async () => {
    await restart();
    await subscribe(gateway.api, `/cluster/node/n1${LOCK_STATE}`, consumer.url);
    await publisher.lockState('n1', 'LOCKED', 1);
    await eventually(() => offsets('n1').length === 1);
    for (const offset of upTo(20)) await publisher.lockState('n2', 'LOCKED', offset);
    expect(await position()).toBeLessThan(await lastSequence());

    await asTimePasses(clock, 30, async () => (await position()) === (await lastSequence()));
    await publisher.forgetAllBut(1);
    await restart();
    await publisher.lockState('n1', 'LOCKED', 2);

    await eventually(() => offsets('n1').length === 2);
    expect(consumer.accepted[1]?.headers['ptp-missed-events']).toBeUndefined();
  });
});

describe('a tail that retention has overtaken while it was interrupted', () => {
  it.each([1, 0])('tells the subscriptions that events are missing, %i of three being left', async (left) => {
    const proxy = await startProxy(broker.url);
    const gateway = await startTestGateway(proxy.url, { INITIAL_NOTIFICATION: 'false' });
    try {
      await subscribe(gateway.api, `/cluster/node/n1${LOCK_STATE}`, consumer.url);
      await publisher.lockState('n1', 'LOCKED', 1);
      await eventually(() => offsets('n1').length === 1);

      proxy.cut();
      for (const offset of [2, 3, 4]) await publisher.lockState('n1', 'LOCKED', offset);
      await publisher.forgetAllBut(left);
      proxy.mend();
      await publisher.lockState('n1', 'LOCKED', 5);

      await eventually(() => offsets('n1').includes(5));
      expect(offsets('n1')).toEqual(left === 1 ? [1, 4, 5] : [1, 5]);
      expect(consumer.accepted.map(({ headers }) => headers['ptp-missed-events'])).toEqual(
        left === 1 ? [undefined, 'unknown', undefined] : [undefined, 'unknown'],
      );
    } finally {
      await gateway.stop();
      await proxy.close();
    }
  });

  it('says nothing of the kind when nothing was lost', async () => {
    const proxy = await startProxy(broker.url);
    const gateway = await startTestGateway(proxy.url, { INITIAL_NOTIFICATION: 'false' });
    try {
      await subscribe(gateway.api, `/cluster/node/n1${LOCK_STATE}`, consumer.url);
      for (const offset of [1, 2]) await publisher.lockState('n1', 'LOCKED', offset);
      await eventually(() => offsets('n1').length === 2);
      proxy.cut();
      await publisher.lockState('n1', 'LOCKED', 3);
      await publisher.forgetAllBut(1);
      proxy.mend();
      await eventually(() => offsets('n1').length === 3);
      expect(consumer.accepted.at(-1)?.headers['ptp-missed-events']).toBeUndefined();
    } finally {
      await gateway.stop();
      await proxy.close();
    }
  });
});
