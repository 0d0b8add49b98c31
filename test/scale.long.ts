import { readFileSync } from 'node:fs';
import { startBroker, type Broker } from './support/broker.js';
import { startConsumer, type Consumer } from './support/consumer.js';
import { eventually } from './support/eventually.js';
import { freePort } from './support/ports.js';
import { startPublisher } from './support/publisher.js';
import { spawnGateway, subscribe } from './support/services.js';

const SUBSCRIPTIONS = 10_000;
/** As many endpoints of one caller as are checked at a time. */
const AT_ONCE = 8;
const LOCK_STATE = '/sync/ptp-status/lock-state';

/** Runs `work` for every number, so many at a time. */
async function forAll(count: number, work: (i: number) => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return Math.round(performance.now() - startedMs);
}

/** Resident set of a process in kB. */
const residentKb = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

describe(`${SUBSCRIPTIONS} subscriptions`, () => {
  let broker: Broker;
  let consumer: Consumer;

  let gateway: Awaited<ReturnType<typeof spawnGateway>> | undefined;

  beforeAll(async () => {
    broker = await startBroker();
    consumer = await startConsumer();
  });
  afterAll(async () => {
    await gateway?.kill('SIGKILL');
    await consumer.close();
    await broker.close();
  });

  it('are made, loaded again after a restart, served and deleted, each once', async () => {
    const port = await freePort();
    // V8's young generation grows to 48 MB with the first work of any kind: held small, it is not what is measured.
    const vars = {
      INITIAL_NOTIFICATION: 'false',
      MAX_SUBSCRIPTIONS_PER_CALLER: '20000',
      API_RATE: '100000',
      NODE_OPTIONS: '--max-semi-space-size=2',
    };
    const start = async (): Promise<Awaited<ReturnType<typeof spawnGateway>>> => {
      await gateway?.kill('SIGTERM');
      return (gateway = await spawnGateway(broker.url, port, vars));
    };
    const { api } = await start();
    const list = async (): Promise<{ id: string }[]> =>
      (await fetch(`${api}/subscriptions`)).json() as Promise<{ id: string }[]>;
    const subscribeSome = (from: number, count: number): Promise<number> =>
      forAll(count, async (i) => {
        const answer = await subscribe(api, `/cluster/node/n${from + i}${LOCK_STATE}`, consumer.url);
        if (answer.status !== 201) throw new Error(`${answer.status}: ${await answer.text()}`);
        await answer.arrayBuffer();
      });

    const half = SUBSCRIPTIONS / 2;
    const firstMs = await subscribeSome(0, half);
    const halfKb = residentKb((await start()).pid);
    const secondMs = await subscribeSome(half, half);
    expect(await list()).toHaveLength(SUBSCRIPTIONS);

    const restartedMs = performance.now();
    const { pid } = await start();
    const restartMs = Math.round(performance.now() - restartedMs);
    const fullKb = residentKb(pid);
    const subscriptions = await list();
    expect(new Set(subscriptions.map(({ id }) => id)).size).toBe(SUBSCRIPTIONS);

    const publisher = await startPublisher(broker.url);
    await publisher.lockState('n77', 'LOCKED', 1);
    await publisher.lockState('n9999', 'LOCKED', 2);
    await eventually(() => consumer.accepted.length === 2);
    await publisher.close();

    const deletedMs = performance.now();
    const deleted = await fetch(`${api}/subscriptions`, { method: 'DELETE' });
    const deleteMs = Math.round(performance.now() - deletedMs);
    expect(await deleted.json()).toEqual({ status: 'deleted all subscriptions' });
    expect(await list()).toEqual([]);
    await gateway?.kill('SIGTERM');

    // Of a gateway that has loaded them all, beside one that has loaded half.
    const bytesEach = Math.round(((fullKb - halfKb) * 1024) / half);
    process.stdout.write(
      `scale: ${JSON.stringify({ subscribeMs: firstMs + secondMs, restartMs, deleteMs, halfKb, fullKb, bytesEach })}\n`,
    );
  }, 180_000);
});
