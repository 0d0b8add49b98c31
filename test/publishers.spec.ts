import { connect } from '@nats-io/transport-node';
import { bus } from '../services/shared/contract/bus.js';
import { startBroker, type Broker } from './support/broker.js';
import { startConsumer, type Consumer } from './support/consumer.js';
import { loadContract, type Contract } from './support/contract.js';
import { eventually } from './support/eventually.js';
import { startNode, type Node } from './support/node.js';
import { startTestGateway, subscribe, type Gateway } from './support/services.js';

const LOCK_STATE = '/sync/ptp-status/lock-state';
const RESOURCE = `/cluster/node/vm-1.example${LOCK_STATE}`;

interface Publisher {
  id: string;
  resource: string;
  uriLocation: string;
}

const RESOURCES = Object.values(bus.resources).map(({ path }) => path);
const allOf = (node: string): string[] => RESOURCES.map((path) => `/cluster/node/${node}${path}`);

describe('publishers', () => {
  let broker: Broker;
  let gateway: Gateway;
  let closed: Gateway;
  let consumer: Consumer;
  let node: Node;
  let contract: Contract;

  beforeAll(async () => {
    broker = await startBroker();
    gateway = await startTestGateway(broker.url, { PUBLISHER_API: 'enabled' });
    closed = await startTestGateway(broker.url);
    contract = await loadContract();
    consumer = await startConsumer();
  });
  afterAll(async () => {
    await node.close();
    await consumer.close();
    await gateway.stop();
    await closed.stop();
    await broker.close();
  });

  const send = (method: string, path: string, body?: object, api = gateway.api): Promise<Response> =>
    contract.fetch(`${api}${path}`, {
      method,
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
  const list = async (): Promise<Publisher[]> => (await (await send('GET', '/publishers')).json()) as Publisher[];

  const ownOne = async (): Promise<Publisher | undefined> =>
    (await list()).find(({ resource }) => resource === RESOURCE);

  it('are none while nobody publishes', async () => {
    expect(await list()).toEqual([]);
  });

  it('are the resources of each node that has a collector', async () => {
    node = await startNode(broker.url, 'compute-1.example.com', 'LOCKED');
    const all = await list();
    expect(all.map(({ resource }) => resource)).toEqual(allOf('compute-1.example.com'));
    const publisher = all.find(({ resource }) => resource.endsWith(LOCK_STATE));
    expect(publisher).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      endpointUri: null,
      uriLocation: `${gateway.api}/publishers/${publisher?.id}`,
      resource: `/cluster/node/compute-1.example.com${LOCK_STATE}`,
    });
    expect(await (await contract.fetch(publisher?.uriLocation ?? '')).json()).toEqual(publisher);
    expect((await send('GET', '/publishers/none')).status).toBe(404);
    for (const { uriLocation } of all) expect((await contract.fetch(uriLocation)).status).toBe(200);
    expect((await send('DELETE', `/publishers/${publisher?.id}`)).status).toBe(409);
  });

  it('are those of each collector that lives, also when it knows nothing yet, and of no other', async () => {
    const before = (await list()).length;
    const gone = await startNode(broker.url, 'compute-2', 'LOCKED');
    expect(await list()).toHaveLength(before + RESOURCES.length);
    await gone.close();
    const silent = await startSilentCollector(broker.url, 'compute-3');
    const resources = (await list()).map(({ resource }) => resource);
    expect(resources).toEqual([...allOf('compute-1.example.com'), ...allOf('compute-3')]);
    await silent.close();
    expect(await list()).toHaveLength(before);
  });

  it('answer the current state', async () => {
    const answer = await send('GET', `/cluster/node/compute-1.example.com${LOCK_STATE}/CurrentState`);
    expect(await answer.json()).toMatchObject({
      source: LOCK_STATE,
      subject: `/cluster/node/compute-1.example.com${LOCK_STATE}`,
      data: { values: [{ value: 'LOCKED' }] },
    });
  });

  it('are made over REST, once for a resource, and their events are delivered in order', async () => {
    const made = await send('POST', '/publishers', { resource: RESOURCE, endpointUri: consumer.url });
    expect(made.status).toBe(201);
    expect(consumer.checks).toBe(1);
    const publisher = (await made.json()) as Publisher;
    const mixed = await send('POST', '/publishers', { resource: `${RESOURCE}/`, EndpointUri: consumer.url });
    expect(await mixed.json()).toEqual(publisher);
    const again = await send('POST', '/publishers', { ResourceAddress: RESOURCE, EndpointUri: null });
    expect(await again.json()).toMatchObject({ SubscriptionId: publisher.id, EndpointUri: consumer.url });
    expect(await list()).toContainEqual(publisher);

    await subscribe(gateway.api, RESOURCE, consumer.url);
    for (const word of ['FREERUN', 'LOCKED', 'HOLDOVER']) {
      const sent = await send('POST', '/create/event', nativeEvent(publisher.id, word));
      expect([sent.status, await sent.json()]).toEqual([202, { status: 'Event sent' }]);
    }
    await eventually(() => consumer.states(LOCK_STATE).length === 3);
    expect(consumer.states(LOCK_STATE)).toEqual(['FREERUN', 'LOCKED', 'HOLDOVER']);
    const sequences = consumer.accepted.map(({ headers }) => BigInt(String(headers['ptp-sequence'])));
    expect(sequences.map((sequence) => sequence - (sequences[0] ?? 0n))).toEqual([0n, 1n, 2n]);
    expect(new Set(consumer.accepted.map(({ event }) => event.id)).size).toBe(3);
  });

  it('send their events one after the other, however many come at once', async () => {
    const own = await ownOne();
    const before = consumer.accepted.length;
    const answers = await Promise.all(
      ['LOCKED', 'FREERUN', 'LOCKED'].map((word) => send('POST', '/create/event', nativeEvent(own?.id ?? '', word))),
    );
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
    await eventually(() => consumer.accepted.length === before + 3);
    const sequences = consumer.accepted.map(({ headers }) => BigInt(String(headers['ptp-sequence'])));
    expect(sequences.map((sequence) => Number(sequence - (sequences[0] ?? 0n)))).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('are refused for a node with a collector, and what is no event of theirs too', async () => {
    const own = await ownOne();
    const taken = await send('POST', '/publishers', {
      resource: '/cluster/node/compute-1.example.com/sync/sync-status/sync-state',
    });
    expect(taken.status).toBe(409);
    expect((await send('POST', '/publishers', { resource: '/cluster/node/vm-1.example/sync' })).status).toBe(400);
    expect((await send('POST', '/publishers', {})).status).toBe(400);
    const metadata = { resource: RESOURCE, endpointUri: 'http://169.254.169.254/' };
    expect((await send('POST', '/publishers', metadata)).status).toBe(403);
    expect((await send('POST', '/create/event', nativeEvent('none', 'LOCKED'))).status).toBe(404);
    expect((await send('POST', '/create/event', {})).status).toBe(400);
    const wrong = await send('POST', '/create/event', nativeEvent(own?.id ?? '', 'LOCKED', { type: 'other' }));
    expect([wrong.status, ((await wrong.json()) as { error: string }).error]).toEqual([
      400,
      expect.stringMatching(/event\.sync\.ptp-status\.ptp-state-change/),
    ]);
  });

  it('are not sent for any more once their node has a collector', async () => {
    const own = (await (await send('POST', '/publishers', { resource: '/cluster/node/vm-2/clock' })).json()) as object;
    expect(own).toMatchObject({ status: 400 });
    const made = await send('POST', '/publishers', { resource: `/cluster/node/vm-2${LOCK_STATE}` });
    const { id } = (await made.json()) as Publisher;
    const collector = await startNode(broker.url, 'vm-2', 'LOCKED');
    expect((await send('POST', '/create/event', nativeEvent(id, 'LOCKED'))).status).toBe(409);
    expect((await list()).filter((one) => one.id === id)).toHaveLength(1);
    await collector.close();
  });

  it('that were made are deleted, one or all', async () => {
    const own = (await list()).find(({ resource }) => resource === RESOURCE);
    const deleted = await send('DELETE', `/publishers/${own?.id}`);
    expect([deleted.status, await deleted.json()]).toEqual([200, { status: 'OK' }]);
    expect((await send('DELETE', `/publishers/${own?.id}`)).status).toBe(404);
    await send('POST', '/publishers', { resource: RESOURCE });
    const all = await send('DELETE', '/publishers');
    expect([all.status, await all.json()]).toEqual([200, { status: 'deleted all publishers' }]);
    expect((await list()).map(({ resource }) => resource)).not.toContain(RESOURCE);
  });

  it('and what became of their events are counted under the names of today’s dashboards', async () => {
    const text = await (await fetch(`${gateway.url}/metrics`)).text();
    for (const line of [
      `cne_api_events_published{address="${RESOURCE}",status="success"} 6`,
      `cne_api_events_published{address="${RESOURCE}",status="fail"} 1`,
      `cne_events_received{type="${RESOURCE}",status="success"} 6`,
      `cne_events_ack{type="${RESOURCE}",status="success"} 6`,
      `cne_transport_events_received{address="${RESOURCE}",status="success"} 6`,
      `cne_status_check_received{type="/cluster/node/compute-1.example.com${LOCK_STATE}",status="success"} 1`,
      'cne_api_subscriptions{status="active"} 1',
      `cne_transport_events_published{address="${RESOURCE}",status="success"} 6`,
      `cne_transport_sender{address="${new URL(consumer.url).origin}",status="active"} 1`,
      `cne_transport_sender{address="${new URL(consumer.url).origin}",status="failed"} 0`,
      `cne_api_publishers{status="active"} ${(await list()).length}`,
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    await send('DELETE', '/subscriptions/none');
    await send('POST', '/subscriptions', {});
    await send('PUT', '/subscriptions/status/none');
    const { length } = await list();
    await send('POST', '/publishers', {});
    await send('DELETE', '/publishers/none');
    await send('POST', '/publishers', { resource: RESOURCE });
    const after = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(after).toContain('cne_api_subscriptions{status="failed to create"} 1');
    expect(after).toContain('cne_api_subscriptions{status="failed to delete"} 1');
    expect(after).toContain('cne_api_status_ping{status="fail"} 1');
    expect(after).toContain(`cne_api_publishers{status="active"} ${length + 1}`);
    expect(after).toMatch(/cne_api_publishers\{status="failed to create"\} [1-9]/);
    expect(after).toMatch(/cne_api_publishers\{status="failed to delete"\} [1-9]/);
  });

  it('can only be read when PUBLISHER_API is not enabled', async () => {
    expect((await send('GET', '/publishers', undefined, closed.api)).status).toBe(200);
    for (const [method, path, status] of [
      ['POST', '/publishers', 405],
      ['DELETE', '/publishers', 405],
      ['DELETE', '/publishers/x', 405],
      ['POST', '/create/event', 404],
      ['POST', '/log', 404],
      ['POST', '/dummy', 404],
    ] as const) {
      const answer = await send(method, path, method === 'POST' ? {} : undefined, closed.api);
      expect([path, answer.status]).toEqual([path, status]);
      expect(answer.headers.get('allow')?.includes('GET') ?? false).toBe(status === 405);
    }
  });
});

/** A collector that knows of no clock yet: it has written nothing down, and answers that it lives. */
async function startSilentCollector(brokerUrl: string, node: string): Promise<{ close(): Promise<void> }> {
  const client = await connect({ servers: brokerUrl });
  client.subscribe(`$SRV.PING.${bus.services.collector}`, {
    callback: (_, message) => {
      for (const answer of ['', 'null', '{}', '{"name":"ptp-collector","metadata":{"node":"a b"}}'])
        message.respond(answer);
      message.respond(JSON.stringify({ name: bus.services.collector, metadata: { node } }));
    },
  });
  await client.flush();
  return { close: () => client.close() };
}

/** An event as a v1 publisher sends it. */
const nativeEvent = (id: string, value: string, more: object = {}): object => ({
  id,
  type: 'event.sync.ptp-status.ptp-state-change',
  dataContentType: 'application/json',
  data: {
    version: 'v1',
    values: [
      {
        resource: '/cluster/node/vm-1.example/ens1fx/master',
        dataType: 'notification',
        valueType: 'enumeration',
        value,
      },
    ],
  },
  ...more,
});
