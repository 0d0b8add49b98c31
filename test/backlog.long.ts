import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { jetstream } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { bus } from '../services/shared/contract/bus.js';
import { encodeEvent, makeEvent, newTraceparent } from '../services/shared/event.js';
import { eventSubject, resourceAddress } from '../services/shared/subjects.js';
import { startBroker, type Broker } from './support/broker.js';
import { eventually } from './support/eventually.js';
import { freePort } from './support/ports.js';
import { spawnGateway, subscribe } from './support/services.js';

const { path, type } = bus.resources.lockState;
const NODES = Array.from({ length: 100 }, (_, i) => `n${i}`);
const EACH = 160;
/** So many of them while both consumers are up. */
const UP = 60;
const MiB = 1024 * 1024;
/** So many values are an event of about 8 kB; the backlog is 80 MB. */
const MANY = 16;
const ADDRESS = `/${'x'.repeat(420)}`;
/** What a backlog may add at most, and noise. */
const ALLOWED_BYTES = 64 * MiB;

/** Counts what it is sent per node, and answers as it is told. Keeps no event: there are too many. */
class CountingConsumer {
  readonly #server: Server;
  answer: (end: (status: number) => void) => void = (end) => end(204);
  /** By node: the last sequence, and how many came. */
  readonly last = new Map<string, number>();
  count = 0;
  disorder = 0;

  constructor() {
    this.#server = createServer((req, res) => {
      let body = '';
      req.on('data', (chunk: Buffer) => (body ||= chunk.toString()));
      req.on('end', () => {
        const sequence = Number(req.headers['ptp-sequence']);
        if (Number.isNaN(sequence)) return void res.writeHead(204).end();
        this.answer((status) => {
          if (status === 204) this.#note(/node\/(n\d+)\//.exec(body)?.[1] ?? '', sequence);
          res.writeHead(status).end();
        });
      });
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #note(node: string, sequence: number): void {
    this.count += 1;
    if (sequence !== (this.last.get(node) ?? 0) + 1) this.disorder += 1;
    this.last.set(node, sequence);
  }
}

const residentBytes = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;

describe('a backlog', () => {
  let broker: Broker;
  let connection: NatsConnection;
  let gateway: Awaited<ReturnType<typeof spawnGateway>> | undefined;
  const consumers: CountingConsumer[] = [];

  beforeEach(async () => {
    broker = await startBroker();
    gateway = await spawnGateway(broker.url, await freePort(), {
      INITIAL_NOTIFICATION: 'false',
      EVENTS_MAX_BYTES: String(512 * MiB),
      // The young generation grows with the first work of any kind: held small, it is not what is measured.
      NODE_OPTIONS: '--max-semi-space-size=2',
    });
    connection = await connect({ servers: broker.url });
  });
  afterEach(async () => {
    await gateway?.kill('SIGTERM');
    await connection.close();
    for (const consumer of consumers.splice(0)) consumer.close();
    await broker.close();
  });

  /** Subscribed to the lock state of all nodes. */
  const startConsumer = async (): Promise<CountingConsumer> => {
    const consumer = new CountingConsumer();
    consumers.push(consumer);
    const answer = await subscribe(gateway?.api ?? '', `/cluster/node/*${path}`, await consumer.start());
    expect(answer.status).toBe(201);
    return consumer;
  };

  const publish = async (from: number, to: number, values: number): Promise<void> => {
    const js = jetstream(connection);
    for (let sequence = from; sequence <= to; sequence += 1) {
      await Promise.all(
        NODES.map((node) => {
          const id = `${node}-${sequence}`;
          const value = {
            ResourceAddress: ADDRESS,
            data_type: 'notification',
            value_type: 'enumeration',
            value: 'LOCKED',
          } as const;
          const event = makeEvent({
            id,
            source: resourceAddress(node, path),
            type,
            time: new Date().toISOString(),
            sequence: String(sequence),
            traceparent: newTraceparent(),
            data: { version: '1.0', values: Array.from({ length: values }, () => value) },
          });
          return js.publish(eventSubject(node, path), encodeEvent(event), { msgID: id });
        }),
      );
    }
  };

  /** The most that the gateway has taken meanwhile. */
  const publishWatched = async (from: number, to: number): Promise<number> => {
    let mostBytes = 0;
    for (let sequence = from; sequence <= to; sequence += 4) {
      await publish(sequence, sequence + 3, MANY);
      mostBytes = Math.max(mostBytes, residentBytes(gateway?.pid ?? 0));
    }
    return mostBytes;
  };

  const detached = async (): Promise<number> => {
    const text = await (await fetch(`${gateway?.api.replace('/api/ocloudNotifications/v1', '')}/metrics`)).text();
    return Number(/^ptp_gateway_detached_subscriptions (\d+)$/m.exec(text)?.[1]);
  };

  it('of a consumer that is down takes no memory, and arrives in order when it is back', async () => {
    const healthy = await startConsumer();
    const down = await startConsumer();
    // Events this long leave garbage; what there is of it while all is well is not what is measured.
    const beforeBytes = await publishWatched(1, UP);
    await eventually(() => healthy.count === NODES.length * UP && down.count === NODES.length * UP, 60_000);

    down.answer = (end) => end(503);
    const mostBytes = await publishWatched(UP + 1, EACH);
    await eventually(() => healthy.count === NODES.length * EACH, 60_000);
    expect(await detached()).toBe(1);
    process.stdout.write(`backlog: grew by ${Math.round((mostBytes - beforeBytes) / MiB)} MiB\n`);
    expect(mostBytes - beforeBytes).toBeLessThan(ALLOWED_BYTES);

    down.answer = (end) => end(204);
    await eventually(() => down.count === NODES.length * EACH, 120_000);
    expect([healthy.disorder, down.disorder]).toEqual([0, 0]);
    await eventually(async () => (await detached()) === 0);
  }, 240_000);

  it('builds up for a consumer that is slower than the events, and is in nobody’s way', async () => {
    const healthy = await startConsumer();
    const slow = await startConsumer();
    const held: (() => void)[] = [];
    slow.answer = (end) => void held.push(() => end(204));
    // Ten events come for each that it takes.
    for (let sequence = 1; sequence <= 60; sequence += 1) {
      await publish(sequence, sequence, 1);
      for (const answer of held.splice(0, NODES.length / 10)) answer();
    }
    await eventually(() => healthy.count === NODES.length * 60, 60_000);
    expect(healthy.disorder).toBe(0);
    expect(slow.count).toBeLessThan(NODES.length * 10);
    expect(await detached()).toBe(1);

    slow.answer = (end) => end(204);
    for (const answer of held.splice(0)) answer();
    await eventually(() => slow.count === NODES.length * 60, 120_000);
    expect(slow.disorder).toBe(0);
    await eventually(async () => (await detached()) === 0);
  }, 240_000);
});
