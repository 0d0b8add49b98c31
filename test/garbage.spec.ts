import { jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { SubscriptionRecord } from '../services/gateway/subscriptions/record.js';
import { bus } from '../services/shared/contract/bus.js';
import { querySubject } from '../services/shared/subjects.js';
import { startBroker, type Broker } from './support/broker.js';
import { startConsumer, type Consumer } from './support/consumer.js';
import { eventually } from './support/eventually.js';
import { startPublisher, type Publisher } from './support/publisher.js';
import { spawnGateway, subscribe } from './support/services.js';
import { freePort } from './support/ports.js';

const LOCK_STATE = '/sync/ptp-status/lock-state';
const ADDRESS = `/cluster/node/n1${LOCK_STATE}`;
const value = { ResourceAddress: ADDRESS, data_type: 'notification', value_type: 'enumeration', value: 'LOCKED' };
const data = { version: '1.0', values: [value] };
const lastEvent = { id: 'e1', time: new Date().toISOString(), sequence: '1' };
const state = { resource: LOCK_STATE, type: bus.resources.lockState.type, lastEvent, data, clocks: [] };

describe('garbage on the bus, where others may write', () => {
  let broker: Broker;
  let consumer: Consumer;
  let publisher: Publisher;
  let connection: NatsConnection;
  let gateway: Awaited<ReturnType<typeof spawnGateway>>;

  beforeEach(async () => {
    broker = await startBroker();
    consumer = await startConsumer();
    gateway = await spawnGateway(broker.url, await freePort());
    publisher = await startPublisher(broker.url);
    connection = await connect({ servers: broker.url });
  });
  afterEach(async () => {
    await gateway.kill('SIGKILL');
    await connection.close();
    await publisher.close();
    await consumer.close();
    await broker.close();
  });

  it.each([
    ['a sequence that is no number', { ...state, lastEvent: { ...lastEvent, sequence: 'x' } }],
    ['an id that can be no header', { ...state, lastEvent: { ...lastEvent, id: 'ü\n' } }],
    ['data without values', { ...state, data: { version: '1.0' } }],
    ['a value that is null', { ...state, data: { version: '1.0', values: [null] } }],
  ])('a node that answers with %s is silent, and its events are delivered', async (_, answer) => {
    let asked = 0;
    connection.subscribe(querySubject('n1', LOCK_STATE), {
      callback(__, message) {
        asked += 1;
        message.respond(JSON.stringify({ state: answer, asOf: new Date().toISOString(), vouchedFor: true }));
      },
    });
    await connection.flush();
    await subscribe(gateway.api, ADDRESS, consumer.url);
    // Silent ones are asked again.
    await eventually(() => asked >= 2);
    await publisher.lockState('n1', 'FREERUN', 1);
    await eventually(() => consumer.accepted.length > 0);
    expect(consumer.states(LOCK_STATE)).toEqual(['FREERUN(1)']);
  });

  it('an event of a node that cannot be is passed over', async () => {
    await subscribe(gateway.api, `/cluster/node/*${LOCK_STATE}`, consumer.url);
    const source = `/cluster/node/.${LOCK_STATE}`;
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`;
    const event = { specversion: '1.0', ...lastEvent, type: state.type, source, traceparent, data };
    await publisher.raw('ptp.events._.sync.ptp-status.lock-state', JSON.stringify(event));
    await publisher.lockState('n1', 'FREERUN', 1);
    await publisher.lockState('n1', 'LOCKED', 2);
    await eventually(() => consumer.accepted.length > 1);
    expect(consumer.states(LOCK_STATE)).toEqual(['FREERUN(1)', 'LOCKED(2)']);
  });

  it.each(['_', 'a=b', 'a.b'])('a written state of "%s" keeps no events of others waiting', async (key) => {
    const states = await new Kvm(connection).open(bus.buckets.states, { allow_direct: true });
    await states.put(key, 'garbage');
    await subscribe(gateway.api, `/cluster/node/*${LOCK_STATE}`, consumer.url);
    await publisher.lockState('n1', 'FREERUN', 1);
    await eventually(() => consumer.accepted.length > 0);
    expect(consumer.states(LOCK_STATE)).toEqual(['FREERUN(1)']);
  });

  it.each([
    ['a node that cannot be', { filter: { node: 'a b', path: LOCK_STATE } }],
    ['a path that cannot be', { filter: { node: 'n1', path: '/a.b/*' } }],
    ['a secret that is no text', { secret: 7 }],
    ['no secret at all', { secret: null }],
  ])('a stored subscription with %s is passed over, also by the next start', async (_, bad) => {
    await subscribe(gateway.api, ADDRESS, consumer.url);
    const jsm = await jetstreamManager(connection);
    const bucket = await new Kvm(jsm.jetstream()).open(bus.buckets.subscriptions, { allow_direct: true });
    let mine = '';
    for await (const key of await bucket.keys()) mine = key;
    const record = (await bucket.get(mine))?.json<SubscriptionRecord>() as SubscriptionRecord;
    await bucket.put('cluster.bad', JSON.stringify({ ...record, id: 'bad', ...bad }));
    await gateway.kill('SIGTERM');

    gateway = await spawnGateway(broker.url, await freePort());
    // Whatever would become of it: its states, its events.
    await fetch(`${gateway.api}/subscriptions/status/bad`, { method: 'PUT' });
    await publisher.lockState('n1', 'FREERUN', 1);
    await publisher.lockState('n1', 'LOCKED', 2);
    await eventually(() => consumer.accepted.length > 1);
    expect(consumer.states(LOCK_STATE)).toEqual(['FREERUN(1)', 'LOCKED(2)']);
  });
});
