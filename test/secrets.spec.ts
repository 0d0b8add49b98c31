import { request } from 'node:http';
import { jetstreamManager } from '@nats-io/jetstream';
import { Kvm, type KV } from '@nats-io/kv';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { Webhook } from 'standardwebhooks';
import { v5 as nameBasedUuid } from 'uuid';
import { bus } from '../services/shared/contract/bus.js';
import { startBroker, type Broker } from './support/broker.js';
import { startConsumer, type Consumer } from './support/consumer.js';
import { eventually } from './support/eventually.js';
import { startPublisher, type Publisher } from './support/publisher.js';
import { startTestGateway, subscribe, type Gateway } from './support/services.js';

const RESOURCE = '/cluster/node/n1/sync/ptp-status/lock-state';
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const OTHER = `whsec_${Buffer.alloc(24, 9).toString('base64')}`;
const key = (byte: number): string => Buffer.alloc(32, byte).toString('base64');
/** Namespace of the ids of an older version, which followed from what everybody may know. */
const OLD_NAMESPACE = '6f1a3c0e-0d52-4c5e-9d0e-2d6a6f6f1b57';

interface Sub {
  id: string;
  disabledAt?: string;
}

describe('what a subscription keeps for itself', () => {
  let broker: Broker;
  let client: NatsConnection;
  let bucket: KV;
  let cursors: KV;
  let consumer: Consumer;
  let publisher: Publisher;
  let gateway: Gateway | undefined;

  beforeAll(async () => {
    broker = await startBroker();
    const first = await startTestGateway(broker.url);
    await first.stop();
    client = await connect({ servers: broker.url });
    const jsm = await jetstreamManager(client, { checkAPI: false });
    bucket = await new Kvm(jsm.jetstream()).open(bus.buckets.subscriptions, { allow_direct: true });
    cursors = await new Kvm(jsm.jetstream()).open(bus.buckets.cursors, { allow_direct: true });
    publisher = await startPublisher(broker.url);
  });
  beforeEach(async () => {
    consumer = await startConsumer();
  });
  afterEach(async () => {
    await gateway?.stop();
    gateway = undefined;
    await consumer.close();
  });
  afterAll(async () => {
    await publisher.close();
    await client.close();
    await broker.close();
  });

  const start = async (scope: string, vars: Record<string, string> = {}): Promise<string> => {
    await gateway?.stop();
    gateway = await startTestGateway(broker.url, { GATEWAY_SCOPE: scope, INITIAL_NOTIFICATION: 'false', ...vars });
    return gateway.api;
  };
  const subscribed = async (api: string, more: object = {}): Promise<Sub> => {
    const made = await subscribe(api, RESOURCE, consumer.url, more);
    expect(made.status).toBe(201);
    return (await made.json()) as Sub;
  };
  const stored = async (scope: string, id: string): Promise<Record<string, string>> =>
    (await bucket.get(`${scope}.${id}`))?.json<Record<string, string>>() ?? {};
  const change = async (scope: string, id: string, more: object): Promise<void> =>
    void (await bucket.put(`${scope}.${id}`, JSON.stringify({ ...(await stored(scope, id)), ...more })));
  const verified = async (secret: string): Promise<void> => {
    const before = consumer.accepted.length;
    await publisher.lockState('n1', 'LOCKED');
    const { headers, event } = await eventually(() => consumer.accepted[before]);
    new Webhook(secret).verify(JSON.stringify(event), headers as Record<string, string>);
  };

  const oldId = (scope: string): string =>
    nameBasedUuid(JSON.stringify([scope, 'n1', '/sync/ptp-status/lock-state', consumer.url]), OLD_NAMESPACE);

  describe('its secret', () => {
    it('is sealed in the bucket, with the first of several keys, and opened with any', async () => {
      let api = await start('sealed', { SECRET_KEYS: key(1) });
      const { id } = await subscribed(api, { secret: SECRET });
      await verified(SECRET);
      const before = await stored('sealed', id);
      expect(before['secret']).toMatch(/^sealed:/);
      for await (const name of await bucket.keys()) {
        expect((await bucket.get(name))?.string()).not.toContain(SECRET.slice(6));
      }

      api = await start('sealed', { SECRET_KEYS: `${key(2)},${key(1)}` });
      await verified(SECRET);
      await subscribed(api, { dataVersion: 'v1' });
      const after = await stored('sealed', id);
      expect(after['secret']).toMatch(/^sealed:/);
      expect(after['secret']?.slice(0, 15)).not.toBe(before['secret']?.slice(0, 15));

      await start('sealed', { SECRET_KEYS: key(2) });
      await verified(SECRET);
    });

    it('is refused without a key; the answer says what to set', async () => {
      const api = await start('keyless', { SECRET_KEYS: '' });
      const refused = await subscribe(api, RESOURCE, consumer.url, { secret: SECRET });
      expect([refused.status, ((await refused.json()) as { error: string }).error]).toEqual([
        400,
        expect.stringMatching(/SECRET_KEYS_FILE.*SECRET_KEYS/),
      ]);
      expect(consumer.checks).toBe(0);
      await subscribed(api);
    });

    it('of an older version is read as it is, and sealed when it is written next', async () => {
      let api = await start('older', { SECRET_KEYS: key(1) });
      const { id } = await subscribed(api);
      await gateway?.stop();
      await change('older', id, { secret: SECRET });
      for (const keys of ['', key(1)]) {
        api = await start('older', { SECRET_KEYS: keys });
        await verified(SECRET);
        expect((await stored('older', id))['secret']).toBe(SECRET);
      }
      await subscribed(api, { dataVersion: 'v1' });
      expect((await stored('older', id))['secret']).toMatch(/^sealed:/);
      await verified(SECRET);
    });

    it.each([
      ['whose key is gone', {}, ''],
      ['whose key is another one', {}, key(3)],
      ['that was cut', { secret: 'sealed:00000000:AAAA' }, key(1)],
      ['that is no secret', { secret: 'none' }, key(1)],
    ])('%s: nothing is sent unsigned, until it comes again', async (name, more, keys) => {
      const scope = `closed-${name.replaceAll(' ', '-')}`;
      let api = await start(scope, { SECRET_KEYS: key(1) });
      const { id } = await subscribed(api, { secret: SECRET });
      await gateway?.stop();
      await change(scope, id, more);

      api = await start(scope, { SECRET_KEYS: keys });
      expect((await (await fetch(`${api}/subscriptions/${id}`)).json()) as Sub).toHaveProperty('disabledAt');
      for (const again of [
        await fetch(`${api}/subscriptions/status/${id}`, { method: 'PUT' }),
        await subscribe(api, RESOURCE, consumer.url),
      ]) {
        expect([again.status, ((await again.json()) as { error: string }).error]).toEqual([
          409,
          expect.stringMatching(/subscribe with the secret again/),
        ]);
      }
      const event = await publisher.lockState('n1', 'FREERUN');

      // With a key it is sent what came meanwhile, signed with the new secret.
      if (keys === '') api = await start(scope, { SECRET_KEYS: key(2) });
      expect((await subscribed(api, { secret: OTHER })).id).toBe(id);
      const { headers, event: pushed } = await eventually(() => consumer.accepted[0]);
      expect(pushed.id).toBe(event.id);
      new Webhook(OTHER).verify(JSON.stringify(pushed), headers as Record<string, string>);
    });

    it('is sent for again when its key is back, from where it was', async () => {
      const api = await start('back', { SECRET_KEYS: key(1) });
      await subscribed(api, { secret: SECRET });
      await start('back', { SECRET_KEYS: key(2) });
      const event = await publisher.lockState('n1', 'HOLDOVER');
      await start('back', { SECRET_KEYS: `${key(2)} ${key(1)}` });
      const { headers, event: pushed } = await eventually(() => consumer.accepted[0]);
      expect(pushed.id).toBe(event.id);
      new Webhook(SECRET).verify(JSON.stringify(pushed), headers as Record<string, string>);
    });
  });

  describe('its id', () => {
    it('cannot be told from what everybody may know, and is another one in each scope', async () => {
      const first = await subscribed(await start('ids-1'));
      const again = await subscribed(await start('ids-1'));
      const other = await subscribed(await start('ids-2'));
      expect(again.id).toBe(first.id);
      expect(other.id).not.toBe(first.id);
      expect(first.id).not.toBe(oldId('ids-1'));
      expect(first.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    });

    it('lets nobody else delete what they have guessed', async () => {
      const api = await start('guessed', { ENDPOINT_POLICY: 'cluster', ENDPOINT_ALLOW: '127.0.0.0/8' });
      const { id } = await subscribed(api);
      expect(await statusFrom('127.0.0.2', `${api}/subscriptions/${oldId('guessed')}`)).toBe(404);
      expect((await fetch(`${api}/subscriptions/${id}`)).status).toBe(200);
    });

    it('is the same at two gateways of a scope that begin together', async () => {
      const vars = { GATEWAY_SCOPE: 'ids-together' };
      const gateways = await Promise.all([startTestGateway(broker.url, vars), startTestGateway(broker.url, vars)]);
      const made = await Promise.all(gateways.map(({ api }) => subscribed(api)));
      await Promise.all(gateways.map((one) => one.stop()));
      expect(made[0]?.id).toBe(made[1]?.id);
    });

    it('stays what it was for a subscription of an older version, and for one whose key of ids is lost', async () => {
      let api = await start('ids-old');
      const { id } = await subscribed(api);
      await gateway?.stop();
      const record = await stored('ids-old', id);
      await bucket.put(`ids-old.${oldId('ids-old')}`, JSON.stringify({ ...record, id: oldId('ids-old') }));
      await bucket.delete(`ids-old.${id}`);
      await cursors.delete('ids-old.idkey');

      api = await start('ids-old');
      expect((await subscribed(api)).id).toBe(oldId('ids-old'));
      expect(await (await fetch(`${api}/subscriptions`)).json()).toHaveLength(1);
      expect((await fetch(`${api}/subscriptions/${oldId('ids-old')}`, { method: 'DELETE' })).status).toBe(200);
      expect((await subscribed(api)).id).not.toBe(oldId('ids-old'));
    });

    it.each(['', 'no JSON', 'null', '{"idKey":7}', '{"idKey":"AAAA"}'])(
      'has a new key when the stored one is %j, and goes on being what it was',
      async (value) => {
        const scope = `ids-${Buffer.from(value).toString('hex') || 'empty'}`;
        const { id } = await subscribed(await start(scope));
        await cursors.put(`${scope}.idkey`, value);
        expect((await subscribed(await start(scope))).id).toBe(id);
        expect((await cursors.get(`${scope}.idkey`))?.string()).toMatch(/^\{"idKey":"[A-Za-z0-9+/]{43}="\}$/);
      },
    );
  });
});

const statusFrom = (localAddress: string, url: string): Promise<number> =>
  new Promise((resolve, reject) => {
    request(url, { localAddress, method: 'DELETE' }, (res) => resolve(res.resume().statusCode ?? 0))
      .on('error', reject)
      .end();
  });
