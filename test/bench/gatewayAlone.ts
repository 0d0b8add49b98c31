import { jetstream, type JetStreamClient } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { Consumer } from './consumerProcess.js';
import { Poster } from './posts.js';
import { Services, type ServiceOptions } from './systems.js';

/** What scenarios about the gateway have in common: events come straight from the bus. */
export interface GatewayAlone {
  consumer: Consumer;
  services: Services;
  js: JetStreamClient;
  poster: Poster;
  close: () => Promise<void>;
}

export async function startGatewayAlone(options: ServiceOptions = {}): Promise<GatewayAlone> {
  const consumer = await Consumer.start();
  const services = await Services.start({ ...options, env: { INITIAL_NOTIFICATION: 'false', ...options.env } });
  const broker: NatsConnection = await connect({ servers: services.broker.url, maxReconnectAttempts: -1 });
  const poster = await Poster.start(consumer);
  return {
    consumer,
    services,
    js: jetstream(broker),
    poster,
    async close() {
      await broker.close();
      await poster.end();
      await services.end();
      await consumer.end();
    },
  };
}

/** Subscribes many, some at a time. */
export async function subscribeAll(services: Services, all: readonly { resource: string; endpointUri: string }[]) {
  const ids: string[] = [];
  for (let i = 0; i < all.length; i += 8) {
    const some = all.slice(i, i + 8).map(({ resource, endpointUri }) => services.subscribe(resource, endpointUri));
    ids.push(...(await Promise.all(some)));
  }
  return ids;
}

export const unsubscribeAll = async ({ api }: Services): Promise<void> => {
  const answer = await fetch(`${api}/subscriptions`, { method: 'DELETE' });
  if (!answer.ok) throw new Error(`delete-all answered ${answer.status}: ${await answer.text()}`);
};
