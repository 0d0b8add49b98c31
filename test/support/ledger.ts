import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { jetstream, jetstreamManager, type JetStreamClient } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { bus } from '../../services/shared/contract/bus.js';
import type { PushedEvent } from '../../services/shared/contract/rest-v1.js';
import { encodeEvent, makeEvent, newTraceparent, type PtpEvent } from '../../services/shared/event.js';
import { eventSubject, resourceAddress } from '../../services/shared/subjects.js';
import { startBroker } from './broker.js';
import { eventually } from './eventually.js';
import { freePort } from './ports.js';
import { seededRandom } from './random.js';
import { spawnGateway, subscribe } from './services.js';

const NODES = Array.from({ length: 10 }, (_, i) => `node-${i}.example.com`);
const KINDS = [bus.resources.lockState, bus.resources.osClockSyncState];
const CONSUMERS = 20;
const SUBSCRIPTIONS = 300;
const EVENTS_PER_SECOND = 20;

export interface LedgerResult {
  events: number;
  expected: number;
  delivered: number;
  repeats: number;
  kills: number;
  gracefulStops: number;
  brokerKills: number;
  /** What should not have happened, in words. */
  violations: string[];
}

interface Entry {
  subscription: string;
  event: PushedEvent;
  sequence: bigint;
  atMs: number;
}

/**
 * Several hundred subscriptions of all forms, consumers that fail now and then, a gateway and a broker that are killed,
 * and a book in which every delivery is written down and compared with every event that was published.
 */
export async function keepLedger({ seed, seconds }: { seed: number; seconds: number }): Promise<LedgerResult> {
  const random = seededRandom(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const broker = await startBroker();
  const port = await freePort();
  const book: Entry[] = [];
  const down = new Set<number>();
  const consumers = await startConsumers(book, down);
  let gateway = await spawnGateway(broker.url, port, { INITIAL_NOTIFICATION: 'false' });
  const connection = await connect({ servers: broker.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  const publisher = new Recorder(jetstream(connection, { timeout: 1_000 }));
  /** Each kill of the gateway, and when its cursor had been saved last. */
  const kills: Kill[] = [];
  const startedMs = performance.now();
  /** What was done when, for the message about a delivery that is missing. */
  const troubles: { what: string; atMs: number }[] = [];
  const note = (what: string): void => void troubles.push({ what, atMs: performance.now() });
  let gracefulStops = 0;
  let brokerKills = 0;

  try {
    const subscriptions = await subscribeAll(gateway.api, consumers.url, pick);

    const endMs = performance.now() + seconds * 1_000;
    const makeTrouble = async (): Promise<void> => {
      while (performance.now() < endMs) {
        await pause(500 + random() * 1_500);
        const what = random();
        if (what < 0.5) {
          const consumer = Math.floor(random() * CONSUMERS);
          note(`consumer ${consumer} down`);
          down.add(consumer);
          void pause(random() * 3_000).then(() => {
            note(`consumer ${consumer} up`);
            down.delete(consumer);
          });
        } else if (what < 0.7) {
          note('gateway killed');
          const atMs = performance.now();
          await gateway.kill('SIGKILL');
          kills.push({ atMs, savedMs: await lastSave(connection) });
          gateway = await spawnGateway(broker.url, port, { INITIAL_NOTIFICATION: 'false' });
        } else if (what < 0.85) {
          note('gateway stopped');
          gracefulStops += 1;
          await gateway.kill('SIGTERM');
          gateway = await spawnGateway(broker.url, port, { INITIAL_NOTIFICATION: 'false' });
        } else {
          note('broker killed');
          brokerKills += 1;
          await broker.restart();
        }
      }
    };
    const publishing = async (): Promise<void> => {
      while (performance.now() < endMs) {
        await Promise.all([publisher.publish(pick(NODES), pick(KINDS)), pause(1_000 / EVENTS_PER_SECOND)]);
      }
    };
    await Promise.all([makeTrouble(), publishing()]);
    down.clear();

    const owed = subscriptions.flatMap((subscription) =>
      publisher.events.filter(({ event }) => subscription.wants(event.source)).map((one) => ({ subscription, ...one })),
    );
    const expected = owed.map(({ subscription, event }) => `${subscription.id} ${event.id}`);
    const seen = (): Set<string> => new Set(book.map(({ subscription, event }) => `${subscription} ${event.id}`));
    await eventually(() => seen().size >= expected.length, 60_000).catch(() => undefined);
    // Repeats that are still under way come before the gateway has stopped.
    await gateway.kill('SIGTERM');

    const delivered = seen();
    const at = (ms: number): string => `${((ms - startedMs) / 1_000).toFixed(2)} s`;
    const violations = [
      ...owed
        .filter(({ subscription, event }) => !delivered.has(`${subscription.id} ${event.id}`))
        .map(({ subscription, event, seq, atMs }) => {
          const near = troubles.filter((trouble) => Math.abs(trouble.atMs - atMs) < 5_000);
          const around = near.map((trouble) => `${trouble.what} ${at(trouble.atMs)}`).join(', ');
          const what = `${event.source} sequence ${event.sequence} (${seq} of the log), published ${at(atMs)}`;
          return `missing: ${subscription.resource} of consumer ${subscription.consumer}: ${what}; ${around}`;
        }),
      ...outOfOrder(book),
      ...unexplainedRepeats(book, kills, at),
    ];
    if (delivered.size > expected.length)
      violations.push(`${delivered.size - expected.length} deliveries that nobody asked for`);
    return {
      events: publisher.events.length,
      expected: expected.length,
      delivered: delivered.size,
      repeats: book.length - delivered.size,
      kills: kills.length,
      gracefulStops,
      brokerKills,
      violations,
    };
  } finally {
    await gateway.kill('SIGKILL');
    await connection.close();
    await consumers.close();
    await broker.close();
  }
}

/** Publishes as collectors do: one event per subject at a time, the same id until the broker has it. */
class Recorder {
  readonly events: { event: PtpEvent; seq: number; atMs: number }[] = [];
  readonly #js: JetStreamClient;
  readonly #sequences = new Map<string, number>();

  constructor(js: JetStreamClient) {
    this.#js = js;
  }

  async publish(node: string, { path, type }: { path: string; type: string }): Promise<void> {
    const subject = eventSubject(node, path);
    const sequence = (this.#sequences.get(subject) ?? 0) + 1;
    this.#sequences.set(subject, sequence);
    const values = [
      {
        ResourceAddress: `/cluster/node/${node}/ens1fx/master`,
        data_type: 'notification',
        value_type: 'enumeration',
        value: sequence % 2 === 0 ? 'LOCKED' : 'FREERUN',
      },
    ];
    const event = makeEvent({
      id: randomUUID(),
      source: resourceAddress(node, path),
      type,
      time: new Date().toISOString(),
      sequence: String(sequence),
      traceparent: newTraceparent(),
      data: { version: '1.0', values },
    });
    const { seq } = await eventually(() => this.#js.publish(subject, encodeEvent(event), { msgID: event.id }), 60_000);
    this.events.push({ event, seq, atMs: performance.now() });
  }
}

interface Subscribed {
  id: string;
  resource: string;
  consumer: number;
  wants: (source: string) => boolean;
}

async function subscribeAll(
  api: string,
  consumersUrl: string,
  pick: <T>(from: readonly T[]) => T,
): Promise<Subscribed[]> {
  const forms: ((node: string) => { resource: string; wants: (source: string) => boolean })[] = [
    (node) => exact(`/cluster/node/${node}${KINDS[0]?.path}`),
    (node) => exact(`/cluster/node/${node}${KINDS[1]?.path}`),
    (node) => below(`/cluster/node/${node}/sync`),
    (node) => below(`/cluster/node/${node}/sync/ptp-status`),
    (node) => ({ ...below(`/cluster/node/${node}/sync/sync-status`), resource: `/cluster/node/${node}/clock` }),
  ];
  const ofAllNodes: ReturnType<(typeof forms)[0]>[] = [
    { resource: '/cluster/node/*/sync', wants: () => true },
    { resource: `/cluster/node/*${KINDS[0]?.path}`, wants: (source) => source.endsWith(KINDS[0]?.path ?? '') },
  ];
  const subscriptions: Subscribed[] = [];
  for (let i = 0; i < SUBSCRIPTIONS; i += 1) {
    const { resource, wants } = i % 20 === 0 ? pick(ofAllNodes) : pick(forms)(pick(NODES));
    const answer = await subscribe(api, resource, `${consumersUrl}/${i % CONSUMERS}/${i}`);
    if (answer.status !== 201) throw new Error(`not subscribed: ${answer.status} ${await answer.text()}`);
    const { id } = (await answer.json()) as { id: string };
    subscriptions.push({ id, resource, consumer: i % CONSUMERS, wants });
  }
  return subscriptions;
}

const exact = (resource: string) => ({ resource, wants: (source: string) => source === resource });
const below = (resource: string) => ({ resource, wants: (source: string) => source.startsWith(`${resource}/`) });

/** One HTTP server for all consumers: `/<consumer>/<subscription>`. One that is down answers 503, or not at all. */
async function startConsumers(book: Entry[], down: Set<number>): Promise<{ url: string; close: () => Promise<void> }> {
  const server: Server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const consumer = Number(req.url?.split('/')[1]);
      const body = Buffer.concat(chunks).toString('utf8');
      if (body !== '' && down.has(consumer)) {
        if (consumer % 2 === 0) res.writeHead(503).end();
        else void pause(2_000).then(() => res.destroy());
        return;
      }
      if (body !== '') {
        book.push({
          subscription: String(req.headers['ptp-subscription-id']),
          event: JSON.parse(body) as PushedEvent,
          sequence: BigInt(String(req.headers['ptp-sequence'])),
          atMs: performance.now(),
        });
      }
      res.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** After dropping repeats by id, the sequences of each subscription and resource rise. */
function outOfOrder(book: Entry[]): string[] {
  const last = new Map<string, bigint>();
  const seen = new Set<string>();
  const violations: string[] = [];
  for (const { subscription, event, sequence } of book) {
    const lane = `${subscription} ${event.source}`;
    if (seen.has(`${subscription} ${event.id}`)) continue;
    seen.add(`${subscription} ${event.id}`);
    const before = last.get(lane);
    if (before !== undefined && sequence <= before)
      violations.push(`out of order: ${lane} ${sequence} after ${before}`);
    last.set(lane, sequence);
  }
  return violations;
}

interface Kill {
  atMs: number;
  savedMs: number;
}

/** When the cursor was saved last, by the clock of this process; broker and test share the machine's. */
async function lastSave(connection: NatsConnection): Promise<number> {
  const jsm = await jetstreamManager(connection, { checkAPI: false });
  const subject = `$KV.${bus.buckets.cursors}.cluster.0`;
  const saved = await eventually(
    () => jsm.direct.getMessage(`KV_${bus.buckets.cursors}`, { last_by_subj: subject }),
    60_000,
  );
  return performance.now() - (Date.now() - saved.time.getTime());
}

/** From the moment whose positions are saved until the broker has them: a busy machine, or a broker that comes back. */
const SAVING_MS = 1_500;

/** A repeat is explained when the gateway was killed before its cursor had been saved after the first delivery. */
function unexplainedRepeats(book: Entry[], kills: Kill[], at: (ms: number) => string): string[] {
  const first = new Map<string, number>();
  const violations: string[] = [];
  for (const { subscription, event, atMs } of book) {
    const key = `${subscription} ${event.id}`;
    const firstMs = first.get(key);
    if (firstMs === undefined) first.set(key, atMs);
    else if (!kills.some((kill) => kill.atMs <= atMs && firstMs >= kill.savedMs - SAVING_MS)) {
      const killed = kills.map((kill) => `${at(kill.atMs)} (saved ${at(kill.savedMs)})`).join(', ');
      violations.push(`repeated: ${key}, delivered ${at(firstMs)} and ${at(atMs)}; gateway killed ${killed}`);
    }
  }
  return violations;
}
