import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { Consumer } from '../consumerProcess.js';
import { message, publish } from '../events.js';
import { inTurn, type Scenario } from '../scenario.js';
import { quantile } from '../statistics.js';
import { LOCK_STATE, Services } from '../systems.js';
import { monotonicMs } from '../waiting.js';

const EACH = 100;
const EVENTS = 100;
const EVENT_MS = 200;
const NODES = 4;
const RESOURCE = `/cluster/node/*${LOCK_STATE}`;

export const isolationScenario: Scenario = {
  name: 'isolation',
  what: `${EACH} healthy consumers beside ${EACH} that hang and ${EACH} that refuse; floor: the healthy ones alone`,
  rounds: 3,
  async open() {
    const consumer = await Consumer.start(EACH);
    const services = await Services.start({ env: { INITIAL_NOTIFICATION: 'false' } });
    const broker = await connect({ servers: services.broker.url });
    const js = jetstream(broker);
    for (const url of consumer.urls) await services.subscribe(RESOURCE, url);
    const hanging = await startHanging();
    let sequence = 1;
    const delays = async (): Promise<number[]> => {
      await consumer.reset();
      const published = new Map<number, number>();
      for (let i = 0; i < EVENTS; i += 1) {
        sequence += 1;
        published.set(sequence, monotonicMs());
        await publish(js, [message(`isolation-${sequence % NODES}`, sequence)]);
        await pause(EVENT_MS);
      }
      const { events } = await consumer.arrived(EVENTS * EACH);
      return events.map(([key, atMs]) => atMs - (published.get(key) ?? NaN));
    };
    const beside = async (): Promise<number[]> => {
      const ids: string[] = [];
      for (const url of hanging.urls) {
        ids.push(await services.subscribe(RESOURCE, url), await subscribedThenGone(services));
      }
      const late = await delays();
      for (const id of ids) await fetch(`${services.api}/subscriptions/${id}`, { method: 'DELETE' });
      return late;
    };
    await delays();
    return {
      async round(n) {
        const both = await inTurn(n, beside, delays);
        return [0.5, 0.99].map((share) => ({
          name: `p${share * 100}`,
          unit: 'ms',
          value: quantile(both.ours, share),
          floor: quantile(both.floor, share),
        }));
      },
      async close() {
        await broker.close();
        await services.end();
        hanging.close();
        await consumer.end();
      },
    };
  },
};

/** Consumers that take the endpoint check and then never answer. */
async function startHanging(): Promise<{ urls: string[]; close: () => void }> {
  const servers = await Promise.all(
    Array.from({ length: EACH }, () =>
      listen((req, res) => {
        if (req.headers['ptp-subscription-id'] === undefined) res.writeHead(204).end();
      }),
    ),
  );
  return {
    urls: servers.map(({ url }) => url),
    close: () => servers.forEach(({ close }) => close()),
  };
}

/** A consumer whose connections are refused, but for the moment in which it subscribes. */
async function subscribedThenGone(services: Services): Promise<string> {
  const { url, close } = await listen((_, res) => void res.writeHead(204).end());
  const id = await services.subscribe(RESOURCE, url);
  close();
  return id;
}

async function listen(listener: RequestListener): Promise<{ url: string; close: () => void }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/event`,
    close: () => server.close().closeAllConnections(),
  };
}
