import { request } from 'node:http';
import { connect } from 'node:net';
import { startBroker, type Broker } from './support/broker.js';
import { loadContract, type Contract } from './support/contract.js';
import { startConsumer, type Consumer } from './support/consumer.js';
import { eventually } from './support/eventually.js';
import { startTestGateway, type Gateway } from './support/services.js';

interface Sub {
  id: string;
  endpointUri: string;
  resource: string;
  uriLocation: string;
}
interface Problem {
  status: number;
  title: string;
  detail: string;
  error: string;
}

const RESOURCE = '/cluster/node/compute-1.example.com/sync/ptp-status/lock-state';
const JSON_TYPE = { 'content-type': 'application/json' };

describe('the REST API v1', () => {
  let broker: Broker;
  let gateway: Gateway;
  let consumer: Consumer;
  let contract: Contract;

  beforeAll(async () => {
    broker = await startBroker();
    gateway = await startTestGateway(broker.url, { NODE_NAME: 'own.example' });
    contract = await loadContract();
  });
  beforeEach(async () => {
    consumer = await startConsumer();
  });
  afterEach(async () => {
    await contract.fetch(`${gateway.api}/subscriptions`, { method: 'DELETE' });
    await consumer.close();
  });
  afterAll(async () => {
    await gateway.stop();
    await broker.close();
  });

  const post = (body: string, headers: Record<string, string> = JSON_TYPE): Promise<Response> =>
    contract.fetch(`${gateway.api}/subscriptions`, { method: 'POST', headers, body });
  const subscribe = (more: object = {}): Promise<Response> =>
    post(JSON.stringify({ resource: RESOURCE, endpointUri: consumer.url, ...more }));

  describe('subscriptions', () => {
    it('are made after the endpoint has answered, read, listed and deleted', async () => {
      const made = await subscribe({ id: 'ignored', uriLocation: 'ignored' });
      expect(made.status).toBe(201);
      const subscription = (await made.json()) as Sub;
      expect(subscription).toEqual({
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        resource: RESOURCE,
        endpointUri: consumer.url,
        uriLocation: `${gateway.api}/subscriptions/${subscription.id}`,
      });
      expect(consumer.checks).toBe(1);

      expect(await (await contract.fetch(subscription.uriLocation)).json()).toEqual(subscription);
      expect(await (await contract.fetch(`${gateway.api}/subscriptions`)).json()).toEqual([subscription]);
      expect(await (await fetch(`${gateway.api}/subscriptions/`)).json()).toEqual([subscription]);

      const deleted = await contract.fetch(subscription.uriLocation, { method: 'DELETE' });
      expect([deleted.status, await deleted.json()]).toEqual([200, { status: 'OK' }]);
      expect((await contract.fetch(subscription.uriLocation, { method: 'DELETE' })).status).toBe(404);
      expect((await contract.fetch(subscription.uriLocation)).status).toBe(404);
      expect(await (await contract.fetch(`${gateway.api}/subscriptions`)).json()).toEqual([]);
    });

    it('are one for the same endpoint and resource, several for different ones', async () => {
      const first = (await (await subscribe()).json()) as Sub;
      const again = (await (await subscribe({ endpointUri: consumer.url.replace('http:', 'HTTP:') })).json()) as Sub;
      const other = (await (await subscribe({ endpointUri: `${consumer.url}2` })).json()) as Sub;
      expect(again.id).toBe(first.id);
      expect(other.id).not.toBe(first.id);
      expect(await (await contract.fetch(`${gateway.api}/subscriptions`)).json()).toHaveLength(2);

      const all = await contract.fetch(`${gateway.api}/subscriptions`, { method: 'DELETE' });
      expect(await all.json()).toEqual({ status: 'deleted all subscriptions' });
      expect(await (await contract.fetch(`${gateway.api}/subscriptions`)).json()).toEqual([]);
    });

    it('answer in the spelling of the request', async () => {
      const made = await post(JSON.stringify({ ResourceAddress: RESOURCE, EndpointUri: consumer.url }));
      expect(made.status).toBe(201);
      expect(await made.json()).toMatchObject({ ResourceAddress: RESOURCE, EndpointUri: consumer.url });
    });

    const spelt = (resource: string, endpoint: string, more: object = {}): Promise<Response> =>
      post(JSON.stringify({ ...more, [resource]: RESOURCE, [endpoint]: consumer.url }));
    const V1 = ['endpointUri', 'id', 'resource', 'uriLocation'];
    const V2 = ['EndpointUri', 'ResourceAddress', 'SubscriptionId', 'UriLocation'];

    it.each([
      ['resource', 'endpointUri', V1],
      ['resource', 'EndpointUri', V1],
      ['ResourceAddress', 'endpointUri', V2],
      ['ResourceAddress', 'EndpointUri', V2],
      ['Resource', 'endpointURI', V1],
      ['resourceAddress', 'endpointuri', V2],
      ['RESOURCE', 'ENDPOINTURI', V1],
    ])('are made with %s and %s, and answered in the spelling of the resource', async (resource, endpoint, names) => {
      const made = await spelt(resource, endpoint);
      expect(made.status).toBe(201);
      const body = (await made.json()) as Record<string, string>;
      expect(Object.keys(body).toSorted()).toEqual(names);
      expect([
        body[names === V1 ? 'resource' : 'ResourceAddress'],
        body[names === V1 ? 'endpointUri' : 'EndpointUri'],
      ]).toEqual([RESOURCE, consumer.url]);
    });

    it.each([
      [{ ResourceAddress: '', EndpointUri: '' }, 'resource', 'endpointUri', V1],
      [{ ResourceAddress: null, EndpointUri: null }, 'resource', 'endpointUri', V1],
      [{ ResourceAddress: '/other', EndpointUri: 'http://other/' }, 'resource', 'endpointUri', V1],
      [{ resource: '', endpointUri: null }, 'ResourceAddress', 'EndpointUri', V2],
      [{ resource: null, endpointUri: '' }, 'ResourceAddress', 'EndpointUri', V2],
      [{ endpointUri: '' }, 'resource', 'EndpointUri', V1],
    ])('are made with %j beside %s and %s', async (more, resource, endpoint, names) => {
      const made = await spelt(resource, endpoint, more);
      expect([made.status, Object.keys((await made.json()) as object).toSorted()]).toEqual([201, names]);
    });

    it.each([
      ['resource', 'endpointUri'],
      ['ResourceAddress', 'EndpointUri'],
    ])('without an endpoint are refused in the names of %s', async (resource, endpoint) => {
      const answer = await post(JSON.stringify({ [resource]: RESOURCE }));
      expect([answer.status, ((await answer.json()) as Problem).error]).toEqual([
        400,
        expect.stringContaining(`"${endpoint}"`),
      ]);
    });

    it.each([
      [`${RESOURCE}/`, RESOURCE],
      [`${RESOURCE}//`, RESOURCE],
      ['/cluster/node/n1/ptp/', '/cluster/node/n1/sync/ptp-status'],
      ['/cluster/node/n1/sync/gnss-status/gnss-sync-state', '/cluster/node/n1/sync/gnss-status/gnss-sync-status'],
      ['/cluster/node/*/sync/gnss-status/gnss-sync-state/', '/cluster/node/*/sync/gnss-status/gnss-sync-status'],
    ])('of %s are those of %s, and answered as written', async (written, resource) => {
      const made = (await (await subscribe({ resource: written })).json()) as Sub;
      expect(made.resource).toBe(written);
      expect(((await (await subscribe({ resource })).json()) as Sub).id).toBe(made.id);
    });

    it.each([
      ['no JSON', '{', /not JSON/],
      ['no object', '[]', /JSON object/],
      ['null', 'null', /JSON object/],
      ['nothing in it', '{}', /"resource" is required/],
      ['no endpoint', JSON.stringify({ resource: RESOURCE }), /"endpointUri" is required/],
      ['an endpoint that is a number', JSON.stringify({ resource: RESOURCE, endpointUri: 7 }), /"endpointUri"/],
      ['an endpoint that is no URL', JSON.stringify({ resource: RESOURCE, endpointUri: 'consumer' }), /no URL/],
      [
        'an endpoint of another protocol',
        JSON.stringify({ resource: RESOURCE, endpointUri: 'ftp://h/' }),
        /http or https/,
      ],
      ['no resource', JSON.stringify({ resource: '/sync', endpointUri: 'http://127.0.0.1:1/' }), /the resources are/],
      [
        'a long resource',
        JSON.stringify({ resource: `/${'x'.repeat(600)}`, endpointUri: 'http://127.0.0.1:1/' }),
        /512/,
      ],
      [
        'an unknown data version',
        JSON.stringify({ resource: RESOURCE, endpointUri: 'http://127.0.0.1:1/', dataVersion: 'v3' }),
        /1\.0, v1, both/,
      ],
      [
        'an unknown data version, in other letters',
        JSON.stringify({ resource: RESOURCE, endpointUri: 'http://127.0.0.1:1/', DataVersion: 'v3' }),
        /1\.0, v1, both/,
      ],
    ])('are refused with a reason when the request has %s', async (_, body, reason) => {
      const answer = await post(body);
      expect(answer.status).toBe(400);
      const problem = (await answer.json()) as Problem;
      expect(problem.error).toMatch(reason);
      expect(problem.detail).toBe(problem.error);
    });

    it('are refused when the body is of another type, or too long', async () => {
      expect((await post('resource=1', { 'content-type': 'application/x-www-form-urlencoded' })).status).toBe(415);
      expect((await post(JSON.stringify({ resource: 'x'.repeat(20_000) }))).status).toBe(413);
    });

    it('are refused when the endpoint does not answer as one must, without a word of what is there', async () => {
      const told = new Set<string>();
      const series = async (): Promise<string[]> =>
        (await (await fetch(`${gateway.url}/metrics`)).text())
          .split('\n')
          .filter((line) => /^ptp_gateway_(connections|requests)_/.test(line));
      const before = await series();
      expect(before).not.toEqual([]);
      const ask = async (endpointUri = consumer.url): Promise<void> => {
        const refused = await subscribe({ endpointUri });
        expect(refused.status).toBe(400);
        told.add(((await refused.json()) as Problem).error.replace(endpointUri, 'it'));
      };
      for (const status of [404, 302, 500]) {
        consumer.answerChecks(status);
        await ask();
      }
      consumer.answerChecks(() => {});
      await ask();
      consumer.answerChecks((res) => void res.destroy());
      await ask();
      await ask(consumer.url.replace('http:', 'https:'));
      await ask('http://no-such-host.invalid/event');
      await consumer.goAway();
      await ask();
      expect([...told]).toEqual([
        "endpoint check failed: an empty POST to it must be answered 2xx within 1500 ms, and was not; the gateway's log says why",
      ]);
      // Everybody may read them here.
      expect(await series()).toEqual(before);
      expect(await (await contract.fetch(`${gateway.api}/subscriptions`)).json()).toEqual([]);
    }, 30_000);

    it('are refused for an address that policy forbids', async () => {
      const answer = await subscribe({ endpointUri: 'http://169.254.169.254/latest/meta-data' });
      expect(answer.status).toBe(403);
      expect(((await answer.json()) as Problem).error).toMatch(/169\.254\.169\.254/);
    });

    it('are not made for a client that has hung up', async () => {
      const asked = new Promise((resolve) => {
        consumer.answerChecks((res) => {
          resolve(undefined);
          client.destroy();
          // Answered when the gateway has seen the client go.
          client.once('close', () => setImmediate(() => res.writeHead(204).end()));
        });
      });
      const client = request(`${gateway.api}/subscriptions`, { method: 'POST', headers: JSON_TYPE });
      client.on('error', () => {});
      client.end(JSON.stringify({ resource: RESOURCE, endpointUri: consumer.url }));
      await asked;

      // Whatever comes of it has come when a later subscription of the same caller is there.
      await eventually(() => consumer.checks === 1);
      consumer.answerChecks(204);
      const other = (await (await subscribe({ endpointUri: `${consumer.url}2` })).json()) as Sub;
      expect(await (await contract.fetch(`${gateway.api}/subscriptions`)).json()).toEqual([other]);
    });

    it('survive a restart of the gateway', async () => {
      const scoped = { GATEWAY_SCOPE: 'restarted' };
      const before = await startTestGateway(broker.url, scoped);
      const made = await contract.fetch(`${before.api}/subscriptions`, {
        method: 'POST',
        headers: JSON_TYPE,
        body: JSON.stringify({ resource: RESOURCE, endpointUri: consumer.url }),
      });
      const { id } = (await made.json()) as Sub;
      await before.stop();

      const after = await startTestGateway(broker.url, { ...scoped, PUBLIC_URL: 'https://ptp.example.com/' });
      const answer = await contract.fetch(`${after.api}/subscriptions/${id}`);
      await after.stop();

      expect(await answer.json()).toEqual({
        id,
        resource: RESOURCE,
        endpointUri: consumer.url,
        uriLocation: `https://ptp.example.com/api/ocloudNotifications/v1/subscriptions/${id}`,
      });
    });
  });

  describe('CurrentState', () => {
    it.each([
      ['/cluster/node/n1/sync/sync-status', 400, /above several resources/],
      ['/cluster/node/n1/nothing', 400, /the resources are/],
      ['/cluster/node/*/sync/ptp-status/lock-state', 400, /one node/],
      [RESOURCE, 404, /no state/],
    ])('of %s answers %i', async (resource, status, reason) => {
      const answer = await contract.fetch(`${gateway.api}${resource}/CurrentState`);
      expect(answer.status).toBe(status);
      expect(((await answer.json()) as Problem).error).toMatch(reason);
    });
  });

  describe('a resource', () => {
    it.each([
      ['with needless percent-encoding', RESOURCE.replace('compute-1.', 'compute%2D1%2E').replace('sync', '%73ync')],
      ['with its slashes encoded', `/${encodeURIComponent(RESOURCE)}`],
      ['with doubled slashes', RESOURCE.replaceAll('/', '//')],
      ['of the own node', '/cluster/node/sync/ptp-status/lock-state', 'own.example'],
      ['of the own node, written with a dot', '/cluster/node/%2E/sync/ptp-status/lock-state', 'own.example'],
      ['under its other name', '/cluster/node/n1/sync/ptp-status/clock-class', 'n1/sync/ptp-status/ptp-clock-class'],
      ['of GNSS', '/cluster/node/n1/sync/gnss-status/gnss-sync-state', 'n1/sync/gnss-status/gnss-sync-status'],
    ])('%s is found in a URL', async (_, resource, name = 'compute-1.example.com') => {
      for (const end of ['CurrentState', 'CurrentState/', 'Current%53tate?x=%2F']) {
        const answer = await fetch(`${gateway.api}${resource}/${end}`);
        expect(answer.status).toBe(404);
        expect(((await answer.json()) as Problem).error).toMatch(`no state of /cluster/node/${name}`);
      }
    });

    it('of the own node is subscribed to with a dot, and answered as it was written', async () => {
      const resource = '/cluster/node/./sync/ptp-status';
      const made = (await (await subscribe({ resource })).json()) as Sub;
      expect(made.resource).toBe(resource);
      const inFull = (await (await subscribe({ resource: '/cluster/node/own.example/ptp' })).json()) as Sub;
      expect(inFull.id).toBe(made.id);
    });
  });

  describe('everything else', () => {
    it('answers health, with and without a trailing slash', async () => {
      for (const path of [`${gateway.api}/health`, `${gateway.api}/health/`, `${gateway.url}/health`]) {
        const answer = await fetch(path);
        expect([answer.status, await answer.text()]).toEqual([200, 'OK']);
      }
      expect((await contract.fetch(`${gateway.api}/health`)).status).toBe(200);
      expect((await contract.fetch(`${gateway.url}/readyz`)).status).toBe(200);
      expect((await contract.fetch(`${gateway.url}/livez`)).status).toBe(200);
    });

    it('shows metrics and its own contract', async () => {
      const metrics = await contract.fetch(`${gateway.url}/metrics`);
      expect(await metrics.text()).toMatch(/^ptp_gateway_subscriptions \d+$/m);
      const document = await contract.fetch(`${gateway.url}/openapi.json`);
      expect(await document.json()).toMatchObject({ openapi: '3.1.0', paths: { '/health': {} } });
    });

    it.each([
      ['GET', '/nothing', 404],
      ['GET', '', 404],
      ['PATCH', '/subscriptions', 405],
      ['DELETE', '/health', 405],
      ['POST', `${RESOURCE}/CurrentState`, 405],
      ['GET', '/%E0%A4%A/CurrentState', 400],
      ['GET', `${RESOURCE.replace('compute', '%00')}/CurrentState`, 400],
      ['TRACE', '/subscriptions', 405],
      ['TRACE', '/nothing', 404],
      ['BREW', '/subscriptions', 400],
    ])('%s %s is answered %i, as a problem', async (method, path, status) => {
      const answer = await raw(gateway.api, method, path);
      expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      if (status === 405) expect(answer).toMatch(/^allow: /im);
      if (method !== 'BREW') expect(answer).toMatch(/^content-type: application\/problem\+json/im);
    });
  });

  describe('while the broker is away', () => {
    it('answers health and what it knows; writes and states get 503 with Retry-After', async () => {
      const ownBroker = await startBroker();
      const away = await startTestGateway(ownBroker.url);
      try {
        const made = await contract.fetch(`${away.api}/subscriptions`, {
          method: 'POST',
          headers: JSON_TYPE,
          body: JSON.stringify({ resource: RESOURCE, endpointUri: consumer.url }),
        });
        const { id } = (await made.json()) as Sub;
        await ownBroker.kill();

        expect((await contract.fetch(`${away.api}/health`)).status).toBe(200);
        expect((await fetch(`${away.url}/readyz`)).status).toBe(200);
        expect((await contract.fetch(`${away.api}/subscriptions/${id}`)).status).toBe(200);
        expect((await contract.fetch(`${away.api}/subscriptions/${id}`, { method: 'DELETE' })).status).toBe(503);
        expect((await contract.fetch(`${away.api}${RESOURCE}/CurrentState`)).status).toBe(503);
        expect((await contract.fetch(`${away.api}/publishers`)).status).toBe(503);
        expect(await (await contract.fetch(`${away.url}/metrics`)).text()).toContain('# TYPE cne_api_publishers gauge');

        await ownBroker.restart();
        await eventually(async () => (await fetch(`${away.api}/publishers`)).status === 200);
        await eventually(
          async () => (await fetch(`${away.api}/subscriptions/${id}`, { method: 'DELETE' })).status === 200,
        );
      } finally {
        await away.stop();
        await ownBroker.close();
      }
    });
  });
});

/** One request whose path and method are sent as they are. */
function raw(base: string, method: string, path: string): Promise<string> {
  const { hostname, port, pathname } = new URL(base);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () =>
      socket.write(`${method} ${pathname}${path} HTTP/1.1\r\nhost: ${hostname}\r\nconnection: close\r\n\r\n`),
    );
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('end', () => resolve(answer));
    socket.on('error', reject);
  });
}
