import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { SubscriptionStatus } from '../services/shared/contract/rest-v1.js';
import { readConfig } from '../services/gateway/config.js';
import { startGateway } from '../services/gateway/app.js';
import { startBroker, type Broker } from './support/broker.js';
import { startConsumer, type Consumer } from './support/consumer.js';
import { loadContract, type Contract } from './support/contract.js';
import { eventually } from './support/eventually.js';
import { scrape } from './support/metrics.js';
import { startNode } from './support/node.js';
import { startPublisher, type Publisher } from './support/publisher.js';
import { startTestGateway, subscribe, testDeps, type Gateway } from './support/services.js';

const LOCK = '/cluster/node/n1/sync/ptp-status/lock-state';
const EVERYTHING = '/cluster/node/*/sync';

let broker: Broker;
let publisher: Publisher;
let consumer: Consumer;
let contract: Contract;

beforeAll(async () => {
  contract = await loadContract();
});
beforeEach(async () => {
  broker = await startBroker();
  consumer = await startConsumer();
});
afterEach(async () => {
  await publisher.close();
  await consumer.close();
  await broker.close();
});

const status = async (api: string, id: string): Promise<SubscriptionStatus> =>
  (await contract.fetch(`${api}/subscriptions/${id}?view=status`)).json() as Promise<SubscriptionStatus>;
const token = (name: string): string => `${name}-0123456789abcdef`;
const entry = (name: string, role: string): object => ({ name, token: token(name), roles: [role] });
const idOf = async (answer: Response): Promise<string> => ((await answer.json()) as { id: string }).id;

describe('the status of a subscription', () => {
  let gateway: Gateway;
  let id: string;
  beforeEach(async () => {
    gateway = await startTestGateway(broker.url, { INITIAL_NOTIFICATION: 'false' });
    publisher = await startPublisher(broker.url);
    id = await idOf(await subscribe(gateway.api, LOCK, consumer.url));
  });
  afterEach(() => gateway.stop());

  it('says when the endpoint took an event last, and leaves the v1 object alone', async () => {
    expect(await status(gateway.api, id)).toMatchObject({
      id,
      endpointUri: consumer.url,
      resource: LOCK,
      state: 'delivering',
      behind: { events: 0, orMore: false },
      deadLetters: 0,
    });
    await publisher.lockState('n1', 'LOCKED');
    await eventually(async () => (await status(gateway.api, id)).lastSuccess);
    const v1 = (await (await contract.fetch(`${gateway.api}/subscriptions/${id}`)).json()) as object;
    expect(Object.keys(v1).toSorted()).toEqual(['endpointUri', 'id', 'resource', 'uriLocation']);
  });

  it('says why and since when it fails, and how much waits; the worst origins have series', async () => {
    consumer.answer(503);
    for (let i = 0; i < 30; i += 1) await publisher.lockState('n1', i % 2 === 0 ? 'FREERUN' : 'LOCKED', i);
    const failing = await eventually(async () => {
      const one = await status(gateway.api, id);
      return one.lastError !== undefined && one.lastError.times >= 3 && one.behind.events === 30 ? one : undefined;
    });
    expect(failing).toMatchObject({ state: 'retrying', behind: { events: 30, orMore: false } });
    expect(failing.lastError?.reason).toBe('answered 503');
    expect(Date.parse(failing.lastError?.since ?? '')).toBeLessThan(Date.parse(failing.lastError?.time ?? ''));
    expect(failing.behind.seconds).toBeGreaterThan(0);
    expect(failing.lastSuccess).toBeUndefined();
    const origin = `{origin="${new URL(consumer.url).origin}"}`;
    const series = await scrape(gateway.url);
    expect(series.get(`ptp_gateway_origin_retrying_subscriptions${origin}`)).toBe(1);
    expect(series.get(`ptp_gateway_origin_failing_seconds${origin}`)).toBeGreaterThan(0);
    expect(series.get(`ptp_gateway_origin_oldest_undelivered_seconds${origin}`)).toBeGreaterThan(0);
    expect(series.get('ptp_gateway_subscriptions_by_state{state="retrying"}')).toBe(1);
    expect(series.get('ptp_gateway_subscriptions_by_state{state="delivering"}')).toBe(0);

    consumer.answer(204);
    const back = await eventually(async () => {
      const one = await status(gateway.api, id);
      return one.state === 'delivering' && one.behind.events === 0 && consumer.accepted.length === 30 ? one : undefined;
    });
    expect(back.lastError?.reason).toBe('answered 503');
    expect(Date.parse(back.lastSuccess ?? '')).toBeGreaterThanOrEqual(Date.parse(back.lastError?.time ?? ''));
  });

  it('says that it is disabled, and keeps what was known once it is pinged', async () => {
    await publisher.lockState('n1', 'LOCKED');
    const before = await eventually(async () => (await status(gateway.api, id)).lastSuccess);
    consumer.answer(410);
    await publisher.lockState('n1', 'FREERUN');
    const disabled = await eventually(async () => {
      const one = await status(gateway.api, id);
      return one.state === 'disabled' ? one : undefined;
    });
    expect(disabled.disabledAt).toBeDefined();
    consumer.answer(503);
    await fetch(`${gateway.api}/subscriptions/status/${id}`, { method: 'PUT' });
    const again = await eventually(async () => {
      const one = await status(gateway.api, id);
      return one.state === 'retrying' ? one : undefined;
    });
    expect(again.lastSuccess).toBe(before);
  });

  it('counts what the endpoint refuses for good', async () => {
    consumer.answer(400);
    await publisher.lockState('n1', 'LOCKED');
    const refused = await eventually(async () => {
      const one = await status(gateway.api, id);
      return one.deadLetters === 1 ? one : undefined;
    });
    expect(refused).toMatchObject({ state: 'delivering', lastError: { reason: 'answered 400' } });
  });

  it('does not tell who has not shown who it is why no answer came', async () => {
    await consumer.goAway();
    await publisher.lockState('n1', 'LOCKED');
    const failing = await eventually(async () => (await status(gateway.api, id)).lastError);
    expect(failing.reason).toBe('no answer came');
    await consumer.comeBack();
  });

  it('is listed for all of them, and another view is refused', async () => {
    const other = await idOf(await subscribe(gateway.api, EVERYTHING, consumer.url));
    const list = (await (
      await contract.fetch(`${gateway.api}/subscriptions?view=status`)
    ).json()) as SubscriptionStatus[];
    expect(list.map((one) => one.id).toSorted()).toEqual([id, other].toSorted());
    for (const path of ['/subscriptions', `/subscriptions/${id}`]) {
      const answer = await contract.fetch(`${gateway.api}${path}?view=all`);
      expect(answer.status).toBe(400);
      expect(await answer.text()).toContain('\\"view\\" must be status');
    }
    expect((await contract.fetch(`${gateway.api}/subscriptions/none?view=status`)).status).toBe(404);
  });
});

describe('with tokens, the status of a subscription', () => {
  it('is for its owner and for admins, who see all and why', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ptp-tokens-'));
    const file = join(folder, 'tokens.yaml');
    writeFileSync(
      file,
      JSON.stringify([entry('one', 'subscriber'), entry('two', 'subscriber'), entry('boss', 'admin')]),
    );
    const gateway = await startTestGateway(broker.url, { API_TOKENS_FILE: file });
    publisher = await startPublisher(broker.url);
    const as = (name: string, path: string, init: RequestInit = {}): Promise<Response> =>
      contract.fetch(`${gateway.api}${path}`, {
        ...init,
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token(name)}` },
      });
    try {
      const body = JSON.stringify({ resource: LOCK, endpointUri: consumer.url });
      const id = await idOf(await as('one', '/subscriptions', { method: 'POST', body }));
      await consumer.goAway();
      await publisher.lockState('n1', 'LOCKED');
      const known = await eventually(async () => {
        const one = (await (await as('one', `/subscriptions/${id}?view=status`)).json()) as SubscriptionStatus;
        return one.lastError;
      });
      expect(known.reason).not.toBe('no answer came');
      expect((await as('two', `/subscriptions/${id}?view=status`)).status).toBe(403);
      expect(await (await as('two', '/subscriptions?view=status')).json()).toEqual([]);
      expect((await as('two', '/subscriptions?view=status&all=true')).status).toBe(403);
      const all = (await (await as('boss', '/subscriptions?view=status&all=true')).json()) as SubscriptionStatus[];
      expect(all).toMatchObject([{ id, owner: 'token:one', state: 'retrying' }]);
      expect((await contract.fetch(`${gateway.api}/subscriptions?view=status`)).status).toBe(401);
      await consumer.comeBack();
    } finally {
      await gateway.stop();
      rmSync(folder, { recursive: true });
    }
  });
});

describe('the log of a gateway', () => {
  it('tells of each subscription why and since when it fails, in few lines, and that it is over', async () => {
    const lines: Record<string, unknown>[] = [];
    const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
    const deps = { ...testDeps(), log };
    const vars = { NATS_URL: broker.url, LISTEN_HOST: '127.0.0.1', ENDPOINT_POLICY: 'local', API_PORT: '0' };
    const { apiPort } = await startGateway(readConfig({ ...vars, INITIAL_NOTIFICATION: 'false' }), deps);
    publisher = await startPublisher(broker.url);
    const told = (msg: string): Record<string, unknown>[] => lines.filter((line) => line['msg'] === msg);
    try {
      const api = `http://127.0.0.1:${apiPort}/api/ocloudNotifications/v1`;
      const id = await idOf(await subscribe(api, LOCK, `${consumer.url}?key=secret`));
      for (let i = 0; i < 40; i += 1) {
        consumer.answer(400);
        await publisher.lockState('n1', 'LOCKED', i);
      }
      await eventually(async () => (await status(api, id)).deadLetters === 40);
      expect(told('refused for good, kept as a dead letter').map(({ times }) => times)).toEqual([1, 2, 4, 8, 16, 32]);

      consumer.answer(503);
      await publisher.lockState('n1', 'FREERUN');
      await publisher.lockState('n1', 'LOCKED');
      await eventually(() => told('not delivered').length >= 3);
      expect(told('not delivered')[2]).toMatchObject({
        subscription: id,
        endpoint: consumer.url,
        reason: 'answered 503',
        times: 4,
        failingSince: expect.stringMatching(/Z$/),
        behindEvents: expect.any(Number),
        behindSeconds: expect.any(Number),
      });
      consumer.answer(204);
      await eventually(() => consumer.accepted.length === 2);
      expect(told('delivered after failures')).toMatchObject([{ subscription: id, lastError: 'answered 503' }]);
      expect(JSON.stringify(lines)).not.toContain('secret');

      for (let i = 0; i < 20; i += 1) await publisher.raw('ptp.events.n1.sync.ptp-status.lock-state', 'no event');
      await publisher.lockState('n1', 'FREERUN');
      await eventually(() => consumer.accepted.length === 3);
      expect(told('not an event, passed over').map(({ times }) => times)).toEqual([1, 2, 4, 8, 16]);

      await (await startNode(broker.url, 'n2', 'LOCKED')).close();
      for (let i = 0; i < 10; i += 1) {
        expect((await fetch(`${api}${LOCK.replace('n1', 'n2')}/CurrentState`)).status).toBe(503);
      }
      expect(told('request failed').map(({ times }) => times)).toEqual([1, 2, 4, 8]);
    } finally {
      await deps.life.stop();
    }
  });
});
