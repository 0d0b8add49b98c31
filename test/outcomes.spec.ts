import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { DeadLetter } from '../services/shared/contract/rest-v1.js';
import { startBroker, type Broker } from './support/broker.js';
import { inShort, startConsumer, type Consumer } from './support/consumer.js';
import { loadContract, type Contract } from './support/contract.js';
import { eventually } from './support/eventually.js';
import { startPublisher, type Publisher } from './support/publisher.js';
import { startTestGateway, subscribe, type Gateway } from './support/services.js';

const LOCK_STATE = '/sync/ptp-status/lock-state';

function answerAfterInterim(res: ServerResponse): void {
  res.writeContinue();
  res.writeProcessing();
  res.writeEarlyHints({ link: '</x>' });
  res.writeContinue();
  res.writeHead(204).end();
}

describe('what a consumer answers', () => {
  let broker: Broker;
  let consumer: Consumer;
  let contract: Contract;
  let publisher: Publisher;
  let gateway: Gateway;

  beforeEach(async () => {
    broker = await startBroker();
    consumer = await startConsumer();
    contract = await loadContract();
    publisher = await startPublisher(broker.url);
  });
  afterEach(async () => {
    await gateway.stop();
    await publisher.close();
    await consumer.close();
    await broker.close();
  });

  async function subscribed(vars: Record<string, string> = {}): Promise<string> {
    gateway = await startTestGateway(broker.url, vars);
    const answer = await subscribe(gateway.api, `/cluster/node/n1${LOCK_STATE}`, consumer.url);
    return ((await answer.json()) as { id: string }).id;
  }
  const delivered = async (): Promise<number> => {
    const metric = await gateway.deps.registry.getSingleMetric('ptp_gateway_deliveries_total')?.get();
    return metric?.values.reduce((sum, { value }) => sum + value, 0) ?? 0;
  };
  const deadLetters = async (id: string): Promise<DeadLetter[]> =>
    (await contract.fetch(`${gateway.api}/subscriptions/${id}/deadletters`)).json() as Promise<DeadLetter[]>;

  it.each([400, 413, 414, 415, 422])(
    '%i makes a dead letter of the event, and the next one is sent',
    async (status) => {
      const id = await subscribed();
      expect(await deadLetters(id)).toEqual([]);
      consumer.answer(status);
      const refused = await publisher.lockState('n1', 'LOCKED', 1);
      const letter = await eventually(async () => (await deadLetters(id))[0]);
      await eventually(async () =>
        /^ptp_gateway_deliveries_total\{outcome="dead_letter"\} 1$/m.test(await gateway.deps.registry.metrics()),
      );
      expect(letter).toMatchObject({ subscription: id, reason: `answered ${status}`, sequence: refused.sequence });
      expect(letter.event.id).toBe(refused.id);

      consumer.answer(204);
      await publisher.lockState('n1', 'FREERUN', 2);
      await eventually(() => consumer.states(LOCK_STATE).includes('FREERUN(2)'));
      expect(consumer.states(LOCK_STATE)).toEqual(['FREERUN(2)']);
      expect(consumer.received).toHaveLength(2);
    },
  );

  it('interim answers before it are passed over, in the check too', async () => {
    consumer.answerChecks(answerAfterInterim);
    consumer.answer(answerAfterInterim);
    await subscribed();
    for (const offset of [1, 2, 3]) await publisher.lockState('n1', 'LOCKED', offset);
    await eventually(() => consumer.received.some(({ event }) => inShort(event) === 'LOCKED(3)'));
    expect(consumer.received.map(({ event }) => inShort(event))).toEqual(['LOCKED(1)', 'LOCKED(2)', 'LOCKED(3)']);
  });

  it('nothing, and closes a connection that was idle: sent again at once, and no attempt has failed', async () => {
    const used = new WeakSet<Socket>();
    consumer.answer((res) => {
      const { socket } = res;
      if (socket === null || used.has(socket)) return void res.destroy();
      used.add(socket);
      res.writeHead(204).end();
    });
    await subscribed();
    for (const offset of [1, 2, 3, 4]) {
      await publisher.lockState('n1', 'LOCKED', offset);
      await eventually(() => consumer.received.some(({ event }) => inShort(event) === `LOCKED(${offset})`));
    }
    await eventually(async () => (await delivered()) === 4);
    expect(new Set(consumer.received.map(({ headers }) => headers['ptp-attempt']))).toEqual(new Set(['1']));
    // The endpoint check has used no connection of this kind up.
    expect(consumer.received.length).toBeGreaterThan(4);
    const text = await gateway.deps.registry.metrics();
    expect(text).not.toMatch(/outcome="(failed|retried)"\} [1-9]|status="failed"\} [1-9]/);
  });

  it('410 disables the subscription, visibly, until it is subscribed again: then nothing was lost', async () => {
    const id = await subscribed();
    consumer.answer(410);
    await publisher.lockState('n1', 'LOCKED', 1);
    await eventually(async () => {
      const subscription = (await (await contract.fetch(`${gateway.api}/subscriptions/${id}`)).json()) as object;
      return 'disabledAt' in subscription;
    });
    consumer.answer(204);
    await publisher.lockState('n1', 'FREERUN', 2);
    await publisher.lockState('n1', 'LOCKED', 3);
    await gateway.stop();
    // Disabled over a restart, too.
    gateway = await startTestGateway(broker.url);
    expect(await (await contract.fetch(`${gateway.api}/subscriptions/${id}`)).json()).toHaveProperty('disabledAt');
    expect(consumer.accepted).toHaveLength(0);

    const again = await subscribe(gateway.api, `/cluster/node/n1${LOCK_STATE}`, consumer.url);
    expect(await again.json()).not.toHaveProperty('disabledAt');
    await eventually(() => consumer.accepted.length === 3);
    expect(consumer.states(LOCK_STATE)).toEqual(['LOCKED(1)', 'FREERUN(2)', 'LOCKED(3)']);
  });

  it('a status ping brings a disabled subscription back', async () => {
    const id = await subscribed();
    consumer.answer(410);
    await publisher.lockState('n1', 'LOCKED', 1);
    await eventually(
      async () =>
        'disabledAt' in ((await (await contract.fetch(`${gateway.api}/subscriptions/${id}`)).json()) as object),
    );
    consumer.answer(204);
    const ping = await contract.fetch(`${gateway.api}/subscriptions/status/${id}`, { method: 'PUT' });
    expect([ping.status, await ping.json()]).toEqual([202, { status: 'ping sent' }]);
    await eventually(() => consumer.states(LOCK_STATE).includes('LOCKED(1)'));
    expect((await contract.fetch(`${gateway.api}/subscriptions/status/nobody`, { method: 'PUT' })).status).toBe(404);
  });

  it('Retry-After is respected, for all lanes of the subscription', async () => {
    gateway = await startTestGateway(broker.url);
    await subscribe(gateway.api, '/cluster/node/*/sync', consumer.url);
    const arrivals: number[] = [];
    consumer.answer((res) => {
      arrivals.push(performance.now());
      res.writeHead(arrivals.length === 1 ? 503 : 204, { 'retry-after': '1' }).end();
    });
    await publisher.lockState('n1', 'LOCKED', 1);
    await eventually(() => arrivals.length === 1);
    await publisher.lockState('n2', 'LOCKED', 2);
    await eventually(() => arrivals.length === 3);
    expect((arrivals[1] ?? 0) - (arrivals[0] ?? 0)).toBeGreaterThanOrEqual(950);
  });

  it('gives up an event that is too old once a newer one has come, never the newest, and says how many', async () => {
    await subscribed({ MAX_EVENT_AGE: '1' });
    await consumer.goAway();
    for (const offset of [1, 2, 3]) await publisher.lockState('n1', 'LOCKED', offset);
    await publisher.lockState('n1', 'FREERUN', 4);
    // Away until the age limit has taken what it may: the events that a newer one supersedes.
    await eventually(async () => {
      const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
      return metrics.includes('ptp_gateway_deliveries_total{outcome="too_old"} 3');
    });
    await consumer.comeBack();

    const last = await eventually(() => consumer.accepted[0]);
    expect(consumer.states(LOCK_STATE)).toEqual(['FREERUN(4)']);
    expect(last.headers['ptp-missed-events']).toBe('3');
    await publisher.lockState('n1', 'LOCKED', 5);
    const next = await eventually(() => consumer.accepted[1]);
    expect(next.headers['ptp-missed-events']).toBeUndefined();
  });
});
