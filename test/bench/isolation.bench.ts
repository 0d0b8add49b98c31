import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { startBroker } from '../support/broker.js';
import { eventually } from '../support/eventually.js';
import { startHanging } from '../support/hanging.js';
import { freePort } from '../support/ports.js';
import { startPublisher, type Publisher } from '../support/publisher.js';
import { spawnGateway, subscribe } from '../support/services.js';

const RESOURCE = '/cluster/node/*/sync/ptp-status/lock-state';
const EACH = 100;
const RUNS = 5;
const EVENTS = 100;
/** The first ones after the others have been subscribed: while nothing is known of them yet. */
const ONSET_EVENTS = 20;
const EVENT_MS = 200;
/** Of a delivery's way, the greatest that counts as as good as alone. */
const AIM = 2;

interface Measured {
  p50: number;
  p99: number;
}

/** Healthy consumers, each an origin of its own, that note how late each event is. */
class Healthy {
  readonly lateMs: number[] = [];
  readonly #servers: Server[] = [];
  /** Offset of an event, which is its number, → when it was published. */
  readonly publishedMs = new Map<number, number>();

  async start(): Promise<string> {
    const server = createServer((req, res) => {
      const chunks: Buffer[] = [];
      req.on('data', (chunk: Buffer) => chunks.push(chunk));
      req.on('end', () => {
        res.writeHead(204).end();
        if (chunks.length > 0) this.#note(JSON.parse(Buffer.concat(chunks).toString('utf8')));
      });
    });
    this.#servers.push(server);
    return listen(server);
  }

  #note({ data }: { data: { values: { value: string }[] } }): void {
    const publishedMs = this.publishedMs.get(Number(data.values[1]?.value));
    if (publishedMs !== undefined) this.lateMs.push(performance.now() - publishedMs);
  }

  close(): void {
    for (const server of this.#servers) server.close().closeAllConnections();
  }
}

async function listen(server: Server, port = 0): Promise<string> {
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/event`;
}

/** Consumers whose connections are refused, but for the moment in which they subscribe. */
async function subscribedThenGone(api: string): Promise<string> {
  const server = createServer((_, res) => void res.writeHead(204).end());
  const id = await subscribed(api, await listen(server));
  server.close().closeAllConnections();
  return id;
}

async function subscribed(api: string, url: string): Promise<string> {
  const answer = await subscribe(api, RESOURCE, url);
  if (answer.status !== 201) throw new Error(await answer.text());
  return ((await answer.json()) as { id: string }).id;
}

/** Publishes at an even pace; how late the healthy consumers had the events. */
async function measure(publisher: Publisher, healthy: Healthy, events: number): Promise<Measured> {
  healthy.lateMs.length = 0;
  const first = healthy.publishedMs.size + 1;
  for (let i = first; i < first + events; i += 1) {
    healthy.publishedMs.set(i, performance.now());
    await publisher.lockState(`n${i % 4}`, 'LOCKED', i);
    await pause(EVENT_MS);
  }
  await eventually(() => healthy.lateMs.length >= events * EACH, 60_000);
  const sorted = healthy.lateMs.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? NaN;
  return { p50: at(0.5), p99: at(0.99) };
}

describe(`${EACH} healthy consumers, with and without ${EACH} that hang and ${EACH} that refuse`, () => {
  it('how late their events are', async () => {
    const broker = await startBroker();
    const gateway = await spawnGateway(broker.url, await freePort(), { INITIAL_NOTIFICATION: 'false' });
    const publisher = await startPublisher(broker.url);
    const healthy = new Healthy();
    const hanging = await Promise.all(Array.from({ length: EACH }, () => startHanging()));
    const alone = (): Promise<Measured> => measure(publisher, healthy, EVENTS);
    const beside = async (): Promise<Measured & { onset: Measured }> => {
      const ids: string[] = [];
      for (const { url } of hanging)
        ids.push(await subscribed(gateway.api, url), await subscribedThenGone(gateway.api));
      const onset = await measure(publisher, healthy, ONSET_EVENTS);
      if (!hanging.every(({ open }) => open() > 0)) throw new Error('not all of them hang');
      const measured = await measure(publisher, healthy, EVENTS);
      for (const id of ids) await fetch(`${gateway.api}/subscriptions/${id}`, { method: 'DELETE' });
      return { ...measured, onset };
    };
    try {
      for (let i = 0; i < EACH; i += 1) await subscribed(gateway.api, await healthy.start());
      await alone();
      await beside();

      const ms = ({ p50, p99 }: Measured): string => `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`;
      const ratios: number[] = [];
      for (let run = 1; run <= RUNS; run += 1) {
        // Whichever comes first in a pair: neither is always the warmer one.
        const isAloneFirst = run % 2 === 1;
        const before = isAloneFirst ? await alone() : undefined;
        const among = await beside();
        const apart = before ?? (await alone());
        const ratio = among.p99 / apart.p99;
        ratios.push(ratio);
        process.stdout.write(
          `alone: ${ms(apart)}; beside the others: ${ms(among)}; ratio ${ratio.toFixed(2)}; ` +
            `while they begin to fail: ${ms(among.onset)}\n`,
        );
      }
      const median = ratios.toSorted((a, b) => a - b)[Math.floor(RUNS / 2)] ?? NaN;
      process.stdout.write(`median ratio of the p99: ${median.toFixed(2)} (aim: at most ${AIM})\n`);
      expect(ratios).toHaveLength(RUNS);
    } finally {
      await gateway.kill('SIGTERM');
      await publisher.close();
      await Promise.all(hanging.map((consumer) => consumer.close()));
      healthy.close();
      await broker.close();
    }
  }, 600_000);
});
