import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { bus } from '../../services/shared/contract/bus.js';
import { resourceAddress } from '../../services/shared/subjects.js';
import { startBroker } from '../support/broker.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/ports.js';
import { spawnGateway, subscribe } from '../support/services.js';
import { message, publish, startSink, type Message } from './delivering.js';

const BURST = 5_000;
const STORM_NODES = 10_000;
const STORM_EVENTS_EACH = 3;
const { path } = bus.resources.lockState;

const messages = (nodes: string[], from: number, each: number): Message[] =>
  Array.from({ length: each }, (_, n) => nodes.map((node) => message(node, from + n))).flat();

/** Plain undici POSTs a second, in a process of their own. */
async function plainPosts(url: string, count: number, atOnce: number): Promise<number> {
  const args = [join(__dirname, 'poster.mjs'), url, String(count), String(atOnce), message('n1', 1).body];
  return Number((await promisify(execFile)(process.execPath, args)).stdout);
}

const line = (what: string, ours: number, plain: number): void =>
  void process.stdout.write(
    `${what}: ${Math.round(ours)}/s, plain POSTs ${Math.round(plain)}/s: ${(ours / plain).toFixed(2)}\n`,
  );

describe('throughput, beside plain undici POSTs in the same run', () => {
  it('of a burst through one resource and of a storm over all nodes', async () => {
    const broker = await startBroker();
    const sink = await startSink();
    const vars = { INITIAL_NOTIFICATION: 'false', MAX_SUBSCRIPTIONS_PER_CALLER: '20000', API_RATE: '0' };
    const gateway = await spawnGateway(broker.url, await freePort(), vars);
    const connection = await connect({ servers: broker.url });
    const js = jetstream(connection);
    const made: string[] = [];
    const subscribeTo = async (resource: string): Promise<void> => {
      const answer = await subscribe(gateway.api, resource, sink.url);
      if (answer.status !== 201) throw new Error(await answer.text());
      made.push(((await answer.json()) as { id: string }).id);
    };
    const unsubscribe = async (): Promise<void> => {
      for (const id of made.splice(0)) await fetch(`${gateway.api}/subscriptions/${id}`, { method: 'DELETE' });
    };
    /** Events a second from the first publish (`live`), or from when the gateway may go on and finds them all. */
    const rate = async (events: Message[], mode: 'live' | 'waiting'): Promise<number> => {
      await sink.reset();
      if (mode === 'waiting') {
        process.kill(gateway.pid, 'SIGSTOP');
        await publish(js, events);
        process.kill(gateway.pid, 'SIGCONT');
      }
      const startedMs = performance.now();
      if (mode === 'live') await publish(js, events);
      await eventually(async () => (await sink.state()).count >= events.length, 120_000);
      const perSecond = (events.length / (performance.now() - startedMs)) * 1_000;
      expect(await sink.state()).toEqual({ count: events.length, disorder: 0 });
      return perSecond;
    };
    const nodes = Array.from({ length: STORM_NODES }, (_, i) => `n${i}`);
    try {
      await subscribeTo(resourceAddress('burst', path));
      await rate(messages(['burst'], 1, 3_000), 'live');
      const serial = await plainPosts(sink.url, BURST, 1);
      line('burst, waiting in the log', await rate(messages(['burst'], 10_000, BURST), 'waiting'), serial);
      line('burst, published meanwhile', await rate(messages(['burst'], 20_000, BURST), 'live'), serial);
      await unsubscribe();

      const ceiling = await plainPosts(sink.url, STORM_NODES * STORM_EVENTS_EACH, 16);
      await subscribeTo(`/cluster/node/*${path}`);
      line('storm, one subscription', await rate(messages(nodes, 1, STORM_EVENTS_EACH), 'waiting'), ceiling);
      line('storm, published meanwhile', await rate(messages(nodes, 11, STORM_EVENTS_EACH), 'live'), ceiling);
      await unsubscribe();

      for (let i = 0; i < STORM_NODES; i += 8) {
        await Promise.all(nodes.slice(i, i + 8).map((node) => subscribeTo(resourceAddress(node, path))));
      }
      line('storm, 10 000 subscriptions', await rate(messages(nodes, 21, STORM_EVENTS_EACH), 'waiting'), ceiling);
      line('the same, published meanwhile', await rate(messages(nodes, 31, STORM_EVENTS_EACH), 'live'), ceiling);
    } finally {
      await gateway.kill('SIGTERM');
      await connection.close();
      sink.close();
      await broker.close();
    }
  }, 600_000);
});
