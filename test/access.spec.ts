import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { Webhook } from 'standardwebhooks';
import { Agent, request as send } from 'undici';
import { startBroker, type Broker } from './support/broker.js';
import { loadContract, type Contract } from './support/contract.js';
import { startConsumer, type Consumer } from './support/consumer.js';
import { eventually } from './support/eventually.js';
import { startPublisher } from './support/publisher.js';
import { startTestGateway, subscribe, type Gateway } from './support/services.js';

const RESOURCE = '/cluster/node/n1/sync/ptp-status/lock-state';
const TLS = join(__dirname, 'fixtures/tls');

const TOKENS = {
  reader: 'reader-token-reader-token',
  a: 'subscriber-a-subscriber-a',
  b: 'subscriber-b-subscriber-b',
  publisher: 'publisher-token-publisher',
  admin: 'admin-token-admin-token-0',
};
type Name = keyof typeof TOKENS;
const ROLES: Record<Name, string> = {
  reader: 'reader',
  a: 'subscriber',
  b: 'subscriber',
  publisher: 'publisher',
  admin: 'admin',
};
const tokensFile = (names: Name[]): string =>
  JSON.stringify(names.map((name) => ({ name, token: TOKENS[name], roles: [ROLES[name]] })));

interface Sub {
  id: string;
  endpointUri: string;
}
const errorOf = async (answer: Response): Promise<string> => ((await answer.json()) as { error: string }).error;

describe('access to the API', () => {
  let dir: string;
  let broker: Broker;
  let consumer: Consumer;
  let contract: Contract;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'ptp-access-'));
    broker = await startBroker();
    consumer = await startConsumer();
    contract = await loadContract();
  });
  afterAll(async () => {
    await consumer.close();
    await broker.close();
    rmSync(dir, { recursive: true });
  });

  describe('with tokens', () => {
    let gateway: Gateway;
    let file: string;

    beforeAll(async () => {
      file = join(dir, 'tokens.yaml');
      writeFileSync(file, tokensFile(['reader', 'a', 'b', 'publisher', 'admin']));
      gateway = await startTestGateway(broker.url, { API_TOKENS_FILE: file, PUBLISHER_API: 'enabled' });
    });
    afterAll(() => gateway.stop());

    const as = (name: Name | undefined, method: string, path: string, body?: object): Promise<Response> =>
      contract.fetch(path.startsWith('http') ? path : `${gateway.api}${path}`, {
        method,
        headers: {
          ...(name && { authorization: `Bearer ${TOKENS[name]}` }),
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { body: JSON.stringify(body) }),
      });
    const subscribeAs = async (name: Name, more: object = {}): Promise<Sub> => {
      const made = await as(name, 'POST', '/subscriptions', {
        resource: RESOURCE,
        endpointUri: consumer.url,
        ...more,
      });
      expect(made.status).toBe(201);
      return (await made.json()) as Sub;
    };
    const idsOf = async (name: Name, query = ''): Promise<string[]> =>
      ((await (await as(name, 'GET', `/subscriptions${query}`)).json()) as Sub[]).map(({ id }) => id);

    const statusOf = async (name: Name): Promise<number> => (await as(name, 'GET', '/subscriptions')).status;

    it('is open to who asks whether we live, and for the contract', async () => {
      for (const path of ['/health', '/livez', '/readyz', '/openapi.json']) {
        expect((await as(undefined, 'GET', `${gateway.url}${path}`)).status).toBe(200);
      }
      expect((await as(undefined, 'GET', '/health')).status).toBe(200);
    });

    it.each([
      ['GET', '/subscriptions'],
      ['GET', '/subscriptions/x'],
      ['DELETE', '/subscriptions'],
      ['DELETE', '/subscriptions/x'],
      ['GET', '/subscriptions/x/deadletters'],
      ['PUT', '/subscriptions/status/x'],
      ['GET', '/publishers'],
      ['DELETE', '/publishers'],
      ['GET', `${RESOURCE}/CurrentState`],
      ['POST', '/subscriptions'],
      ['POST', '/publishers'],
      ['POST', '/create/event'],
    ])('needs a token: %s %s', async (method, path) => {
      const body = method === 'POST' ? {} : undefined;
      const answer = await as(undefined, method, path, body);
      expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="ptp-event-bus"']);
      const wrong = await fetch(`${gateway.api}${path}`, { method, headers: { authorization: 'Bearer wrong' } });
      expect(wrong.status).toBe(401);
      expect(consumer.checks).toBe(0);
    });

    it('tells whoever has a token why its endpoint was not taken', async () => {
      const reasonFor = async (): Promise<string> =>
        errorOf(await as('a', 'POST', '/subscriptions', { resource: RESOURCE, endpointUri: consumer.url }));
      consumer.answerChecks(404);
      expect(await reasonFor()).toMatch(/must be answered 2xx, but it answered 404$/);
      await consumer.goAway();
      expect(await reasonFor()).toMatch(/but connection refused$/);
      await consumer.comeBack();
      consumer.answerChecks(204);
      consumer.checks = 0;
    });

    it('needs a token for the metrics', async () => {
      expect((await as(undefined, 'GET', `${gateway.url}/metrics`)).status).toBe(401);
      expect((await as('reader', 'GET', `${gateway.url}/metrics`)).status).toBe(200);
    });

    it.each<[Name, string, string, string]>([
      ['reader', 'POST', '/subscriptions', 'subscriber'],
      ['reader', 'DELETE', '/subscriptions', 'subscriber'],
      ['publisher', 'POST', '/subscriptions', 'subscriber'],
      ['publisher', 'PUT', '/subscriptions/status/x', 'subscriber'],
      ['a', 'POST', '/publishers', 'publisher'],
      ['a', 'POST', '/create/event', 'publisher'],
      ['a', 'GET', '/subscriptions?all=true', 'admin'],
      ['a', 'DELETE', '/subscriptions?all=true', 'admin'],
      ['publisher', 'DELETE', '/publishers?all=true', 'admin'],
    ])('says to %s that %s %s needs the role %s…', async (name, method, path, role) => {
      const answer = await as(name, method, path, method === 'POST' ? {} : undefined);
      expect([answer.status, await errorOf(answer)]).toEqual([403, expect.stringContaining(`role ${role}`)]);
    });

    it('shows and deletes only what is the own, but for an admin', async () => {
      const ofA = await subscribeAs('a');
      const ofB = await subscribeAs('b');
      expect(ofA.id).not.toBe(ofB.id);
      expect((await subscribeAs('a')).id).toBe(ofA.id);
      expect(await idsOf('a')).toEqual([ofA.id]);
      expect(await idsOf('reader')).toEqual([]);
      expect(await idsOf('admin')).toEqual([]);
      expect((await idsOf('admin', '?all=true')).toSorted()).toEqual([ofA.id, ofB.id].toSorted());

      for (const [method, path] of [
        ['GET', `/subscriptions/${ofA.id}`],
        ['DELETE', `/subscriptions/${ofA.id}`],
        ['GET', `/subscriptions/${ofA.id}/deadletters`],
        ['PUT', `/subscriptions/status/${ofA.id}`],
      ] as const) {
        expect((await as('b', method, path)).status).toBe(403);
      }
      expect((await as('b', 'DELETE', '/subscriptions')).status).toBe(200);
      expect(await idsOf('admin', '?all=true')).toEqual([ofA.id]);
      expect((await as('admin', 'GET', `/subscriptions/${ofA.id}`)).status).toBe(200);
      expect((await as('admin', 'DELETE', '/subscriptions?all=true')).status).toBe(200);
      expect(await idsOf('a')).toEqual([]);
    });

    it('lets publishers publish, each its own', async () => {
      const made = await as('publisher', 'POST', '/publishers', { resource: RESOURCE });
      expect(made.status).toBe(201);
      const { id } = (await made.json()) as Sub;
      expect((await as('admin', 'DELETE', '/publishers')).status).toBe(200);
      expect((await as('a', 'GET', `/publishers/${id}`)).status).toBe(200);
      expect((await as('admin', 'DELETE', '/publishers?all=true')).status).toBe(200);
      expect((await as('a', 'GET', `/publishers/${id}`)).status).toBe(404);
    });

    it('follows the file, and keeps the tokens it has when the new ones cannot be used', async () => {
      replace(file, tokensFile(['reader', 'a']));
      await eventually(async () => (await statusOf('b')) === 401);
      expect(await statusOf('a')).toBe(200);

      const complaints = jest.spyOn(gateway.deps.log, 'error');
      replace(file, '- nonsense');
      await eventually(() => complaints.mock.calls.length > 0);
      expect(JSON.stringify(complaints.mock.calls)).not.toContain(TOKENS.a);
      expect(await statusOf('a')).toBe(200);

      replace(file, tokensFile(['b']));
      await eventually(async () => (await statusOf('b')) === 200);
      expect(await statusOf('a')).toBe(401);
    });
  });

  describe('without tokens', () => {
    it('is by address; nobody may ask for everybody’s', async () => {
      const gateway = await startTestGateway(broker.url);
      const made = await subscribe(gateway.api, RESOURCE, consumer.url);
      const { id } = (await made.json()) as Sub;
      expect(await listFrom(gateway.api, '127.0.0.1')).toEqual({ status: 200, ids: [id] });
      expect(await listFrom(gateway.api, '127.0.0.2')).toEqual({ status: 200, ids: [] });
      expect((await listFrom(gateway.api, '127.0.0.1', '?all=true')).status).toBe(403);
      await fetch(`${gateway.api}/subscriptions`, { method: 'DELETE' });
      await gateway.stop();
    });

    it('is to the whole scope where the gateway is a sidecar', async () => {
      const gateway = await startTestGateway(broker.url, { GATEWAY_SCOPE: 'pod-1' });
      const { id } = (await (await subscribe(gateway.api, RESOURCE, consumer.url)).json()) as Sub;
      expect(await listFrom(gateway.api, '127.0.0.2')).toEqual({ status: 200, ids: [id] });
      await gateway.stop();
    });
  });

  describe('over TLS', () => {
    it('uses the certificate in the file, and the new one when that is replaced', async () => {
      const [cert, key] = [join(dir, 'tls.crt'), join(dir, 'tls.key')];
      const install = (name: string): void => {
        copyFileSync(join(TLS, `${name}.key`), key);
        copyFileSync(join(TLS, `${name}.crt`), cert);
      };
      install('first');
      const gateway = await startTestGateway(broker.url, { API_TLS_CERT: cert, API_TLS_KEY: key });
      const url = new URL(gateway.url.replace('http:', 'https:'));
      const client = new Agent({ connect: { ca: readFileSync(join(TLS, 'first.crt')) } });
      try {
        const made = await send(`${url.origin}/api/ocloudNotifications/v1/subscriptions`, {
          dispatcher: client,
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ resource: RESOURCE, endpointUri: consumer.url }),
        });
        expect(made.statusCode).toBe(201);
        expect(await made.body.json()).toMatchObject({ uriLocation: expect.stringMatching(/^https:\/\/127\.0\.0\.1/) });
        expect(await servedName(url)).toBe('first.gateway.test');

        install('second');
        await eventually(async () => (await servedName(url)) === 'second.gateway.test');
      } finally {
        await client.destroy();
        await gateway.stop();
      }
    });
  });

  describe('to pushes', () => {
    const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
    const OTHER = `whsec_${Buffer.alloc(24, 9).toString('base64')}`;

    it('is signed for a subscription with a secret, which is never shown', async () => {
      const gateway = await startTestGateway(broker.url, { GATEWAY_SCOPE: 'signed' });
      const publisher = await startPublisher(broker.url);
      const own = await startConsumer();
      const subscribeWith = async (more: object): Promise<string> => {
        const made = await subscribe(gateway.api, '/cluster/node/signed/sync', own.url, more);
        expect(made.status).toBe(201);
        return made.text();
      };
      const verified = async (secret: string): Promise<void> => {
        const before = own.accepted.length;
        const event = await publisher.lockState('signed', 'LOCKED');
        const { headers, event: pushed } = await eventually(() => own.accepted[before]);
        expect(headers['webhook-id']).toBe(event.id);
        new Webhook(secret).verify(JSON.stringify(pushed), headers as Record<string, string>);
      };

      const made = await subscribeWith({ secret: SECRET });
      const { id } = JSON.parse(made) as Sub;
      const read = await (await contract.fetch(`${gateway.api}/subscriptions/${id}`)).text();
      const listed = await (await contract.fetch(`${gateway.api}/subscriptions`)).text();
      for (const text of [made, read, listed]) expect(text).not.toMatch(/secret|whsec/);
      await verified(SECRET);

      await subscribeWith({});
      await verified(SECRET);
      await subscribeWith({ secret: OTHER });
      await verified(OTHER);
      await subscribeWith({ Secret: SECRET });
      await verified(SECRET);
      expect((await subscribe(gateway.api, RESOURCE, own.url, { SECRET: 'no secret' })).status).toBe(400);

      for (const secret of ['no secret', `whsec_${Buffer.alloc(8).toString('base64')}`, 7]) {
        const refused = await subscribe(gateway.api, RESOURCE, own.url, { secret });
        expect(refused.status).toBe(400);
        expect(await errorOf(refused)).toMatch(/"secret"/);
      }
      await own.close();
      await publisher.close();
      await gateway.stop();
    });
  });
});

/** The common name of the certificate that is served now. */
function servedName({ hostname, port }: URL): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: hostname, port: Number(port), rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

/** Asks from another address of this machine. */
const listFrom = (api: string, localAddress: string, query = ''): Promise<{ status: number; ids: string[] }> =>
  new Promise((resolve, reject) => {
    const asked = request(`${api}/subscriptions${query}`, { localAddress }, (res) => {
      let text = '';
      res.on('data', (chunk: Buffer) => (text += chunk.toString()));
      res.on('end', () => {
        const status = res.statusCode ?? 0;
        resolve({ status, ids: status === 200 ? (JSON.parse(text) as Sub[]).map(({ id }) => id) : [] });
      });
    });
    asked.on('error', reject).end();
  });

/** Puts another file in the place of one, as a whole. */
function replace(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}
