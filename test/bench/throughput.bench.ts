import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { Agent } from 'undici';
import { bus } from '../../services/shared/contract/bus.js';
import { encodeEvent, makeEvent, newTraceparent, type PtpEvent } from '../../services/shared/event.js';
import { eventSubject, resourceAddress } from '../../services/shared/subjects.js';
import { startBroker } from '../support/broker.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/ports.js';
import { spawnGateway, subscribe } from '../support/services.js';

const BURST = 3_000;
const STORM_NODES = 10_000;
const STORM_EVENTS_EACH = 3;
const { path, type } = bus.resources.lockState;

function makeOne(node: string, sequence: number): PtpEvent {
  const value = {
    ResourceAddress: `/cluster/node/${node}/ens1fx/master`,
    value: sequence % 2 === 0 ? 'LOCKED' : 'FREERUN',
  };
  return makeEvent({
    id: `${node}-${sequence}`.replaceAll('.', '_'),
    source: resourceAddress(node, path),
    type,
    time: new Date().toISOString(),
    sequence: String(sequence),
    traceparent: newTraceparent(),
    data: { version: '1.0', values: [{ ...value, data_type: 'notification', value_type: 'enumeration' }] },
  });
}

const nodeOf = ({ source }: PtpEvent): string => source.split('/')[3] ?? '';

/** Counts what arrives, and checks the order per node. */
async function startSink(): Promise<{
  url: string;
  count: () => number;
  disorder: () => number;
  reset: () => void;
  server: Server;
}> {
  let count = 0;
  let disorder = 0;
  let last = new Map<string, number>();
  const server = createServer((req, res) => {
    req.resume();
    req.on('end', () => {
      const sequence = Number(req.headers['ptp-sequence']);
      const id = String(req.headers['ptp-subscription-id']);
      if (!Number.isNaN(sequence)) {
        count += 1;
        const key = `${id} ${String(req.headers['x-node'])}`;
        if (req.headers['x-node'] !== undefined && sequence <= (last.get(key) ?? 0)) disorder += 1;
        last.set(key, sequence);
      }
      res.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const reset = (): void => {
    count = 0;
    disorder = 0;
    last = new Map();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/event`,
    count: () => count,
    disorder: () => disorder,
    reset,
    server,
  };
}

/** Plain undici POSTs of the same size, so many at a time: what the machine can do without us. */
async function postFloor(url: string, body: string, count: number, atOnce: number): Promise<number> {
  const agent = new Agent({ connections: atOnce, pipelining: 1 });
  const { origin, pathname } = new URL(url);
  const startedMs = performance.now();
  let left = count;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const headers = { 'content-type': 'application/json', 'ptp-sequence': '1' };
      const answer = await agent.request({ origin, path: pathname, method: 'POST', body, headers });
      await answer.body.dump();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  await agent.close();
  return (count / (performance.now() - startedMs)) * 1_000;
}

describe('throughput, beside plain undici POSTs in the same run', () => {
  it('of a burst through one resource and of a storm over all nodes', async () => {
    const broker = await startBroker();
    const sink = await startSink();
    const port = await freePort();
    const gateway = await spawnGateway(broker.url, port, { INITIAL_NOTIFICATION: 'false' });
    const connection = await connect({ servers: broker.url });
    const js = jetstream(connection);
    const publish = async (events: PtpEvent[]): Promise<void> => {
      for (let i = 0; i < events.length; i += 500) {
        await Promise.all(
          events
            .slice(i, i + 500)
            .map((event) => js.publish(eventSubject(nodeOf(event), path), encodeEvent(event), { msgID: event.id })),
        );
      }
    };
    const body = encodeEvent(makeOne('n1', 1));
    const measure = async (events: PtpEvent[], resource: string): Promise<number> => {
      const answer = await subscribe(gateway.api, resource, sink.url);
      if (answer.status !== 201) throw new Error(await answer.text());
      const { id } = (await answer.json()) as { id: string };
      sink.reset();
      const startedMs = performance.now();
      await publish(events);
      const publishedMs = performance.now() - startedMs;
      await eventually(() => sink.count() >= events.length, 120_000);
      const rate = (events.length / (performance.now() - startedMs)) * 1_000;
      process.stdout.write(`${resource}: published in ${Math.round(publishedMs)} ms\n`);
      await fetch(`${gateway.api}/subscriptions/${id}`, { method: 'DELETE' });
      return rate;
    };
    try {
      const serial = await postFloor(sink.url, body, BURST, 1);
      const burst = await measure(
        Array.from({ length: BURST }, (_, i) => makeOne('burst', i + 1)),
        resourceAddress('burst', path),
      );
      const ceiling = await postFloor(sink.url, body, STORM_NODES, 16);
      const storm = await measure(
        Array.from({ length: STORM_NODES * STORM_EVENTS_EACH }, (_, i) =>
          makeOne(`n${i % STORM_NODES}`, Math.floor(i / STORM_NODES) + 1),
        ),
        `/cluster/node/*${path}`,
      );
      process.stdout.write(
        `burst: ${Math.round(burst)}/s, serial POST floor ${Math.round(serial)}/s: ${(burst / serial).toFixed(2)}\n` +
          `storm: ${Math.round(storm)}/s, POST ceiling ${Math.round(ceiling)}/s: ${(storm / ceiling).toFixed(2)}\n`,
      );
      expect(sink.count()).toBe(STORM_NODES * STORM_EVENTS_EACH);
    } finally {
      await gateway.kill('SIGTERM');
      await connection.close();
      sink.server.closeAllConnections();
      sink.server.close();
      await broker.close();
    }
  }, 300_000);
});
