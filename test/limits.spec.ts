import { startBroker, type Broker } from './support/broker.js';
import { loadContract, type Contract } from './support/contract.js';
import { startConsumer, type Consumer } from './support/consumer.js';
import { eventually } from './support/eventually.js';
import { startTestGateway, type Gateway } from './support/services.js';

const RESOURCE = '/cluster/node/n1/sync/ptp-status/lock-state';

const errorOf = async (answer: Response): Promise<string> => ((await answer.json()) as { error: string }).error;
const withStatus = (answers: Response[], status: number): Response[] =>
  answers.filter((answer) => answer.status === status);

describe('a caller', () => {
  let broker: Broker;
  let consumer: Consumer;
  let contract: Contract;

  beforeAll(async () => {
    broker = await startBroker();
    consumer = await startConsumer();
    contract = await loadContract();
  });
  afterAll(async () => {
    await consumer.close();
    await broker.close();
  });

  const subscribe = (gateway: Gateway, n: number): Promise<Response> =>
    contract.fetch(`${gateway.api}/subscriptions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ resource: RESOURCE, endpointUri: `${consumer.url}${n}` }),
    });

  it.each([
    ['MAX_SUBSCRIPTIONS', 'one'],
    ['MAX_SUBSCRIPTIONS_PER_CALLER', 'two'],
  ])('has no more subscriptions than %s, also when it asks for many at once', async (setting, scope) => {
    const gateway = await startTestGateway(broker.url, { [setting]: '3', GATEWAY_SCOPE: scope });
    try {
      const answers = await Promise.all([1, 2, 3, 4, 5].map((n) => subscribe(gateway, n)));
      const refused = withStatus(answers, 429);
      expect([withStatus(answers, 201).length, refused.length]).toEqual([3, 2]);
      expect(await errorOf(refused[0] as Response)).toContain(`(${setting})`);
      expect(refused[0]?.headers.get('retry-after')).toBe('60');

      const checks = consumer.checks;
      expect((await subscribe(gateway, 6)).status).toBe(429);
      expect(consumer.checks).toBe(checks);
      const there = answers.findIndex(({ status }) => status === 201) + 1;
      expect((await subscribe(gateway, there)).status).toBe(201);

      await contract.fetch(`${gateway.api}/subscriptions`, { method: 'DELETE' });
      expect((await subscribe(gateway, 6)).status).toBe(201);
    } finally {
      await gateway.stop();
    }
  });

  it('sends no more requests a second than API_RATE, while health answers', async () => {
    const gateway = await startTestGateway(broker.url, { API_RATE: '5' });
    try {
      const list = (): Promise<Response> => contract.fetch(`${gateway.api}/subscriptions`);
      const refused = await eventually(async () => {
        const answer = await list();
        return answer.status === 429 ? answer : undefined;
      });
      expect(refused.headers.get('retry-after')).toBe('1');
      expect(await errorOf(refused)).toBe('a caller may send 5 requests a second (API_RATE)');
      for (let n = 0; n < 20; n += 1) expect((await contract.fetch(`${gateway.api}/health`)).status).toBe(200);
      await eventually(async () => (await list()).status === 200);
    } finally {
      await gateway.stop();
    }
  });

  it('has only so many endpoints checked at a time', async () => {
    const gateway = await startTestGateway(broker.url);
    let open = 0;
    let most = 0;
    consumer.answerChecks((res) => {
      most = Math.max(most, (open += 1));
      res.on('close', () => (open -= 1));
    });
    try {
      const answers = await Promise.all(Array.from({ length: 12 }, (_, n) => subscribe(gateway, n)));
      expect([withStatus(answers, 400).length, withStatus(answers, 429).length]).toEqual([8, 4]);
      expect(most).toBeLessThanOrEqual(8);
    } finally {
      consumer.answerChecks(204);
      await gateway.stop();
    }
  });
});
