import { randomUUID } from 'node:crypto';
import { Kvm } from '@nats-io/kv';
import type { JetStreamManager } from '@nats-io/jetstream';
import { connectBroker, jetStream, type NatsConnection } from '../shared/broker.js';
import { sleep } from '../shared/clock.js';
import { bus } from '../shared/contract/bus.js';
import { listen } from '../shared/http.js';
import type { Deps } from '../shared/service.js';
import { ensureStreams } from '../shared/streams.js';
import type { GatewayConfig } from './config.js';
import { resumeAt, type Cursor } from './delivery/cursor.js';
import { CursorKeeper } from './delivery/cursorKeeper.js';
import { Deliverer } from './delivery/deliverer.js';
import { nextOfSubject } from './delivery/log.js';
import { CONNECTIONS_PER_ORIGIN, Poster } from './delivery/post.js';
import { Tail } from './delivery/tail.js';
import { endpointAgent } from './endpoints/agent.js';
import { checkEndpoint } from './endpoints/check.js';
import { declareMetrics, type GatewayMetrics } from './metrics.js';
import { createApi } from './routes/api.js';
import { States } from './states.js';
import { SubscriptionStore } from './subscriptions/store.js';
import { Subscriptions, Unavailable } from './subscriptions/subscriptions.js';

/** Time that running attempts have when the gateway stops. */
const GRACE_MS = 2_000;
const RETRY_MS = 500;

/** What the API needs once the broker was reached. */
interface Loaded {
  subscriptions: Subscriptions;
  states: States;
}

/** Starts the gateway; resolves when it is ready. The API serves from the first moment, with 503 where it must. */
export async function startGateway(config: GatewayConfig, deps: Deps): Promise<{ apiPort: number }> {
  const { log, life, registry, clock } = deps;
  const metrics = declareMetrics(registry);
  let loaded: Loaded | undefined;
  const whenLoaded = (): Loaded => {
    if (loaded === undefined || life.isStopping) throw new Unavailable('the gateway is starting or stopping');
    return loaded;
  };

  const agent = endpointAgent(config.endpointPolicy, CONNECTIONS_PER_ORIGIN);
  life.onStop('endpoint connections', () => agent.destroy());

  const api = createApi({
    log,
    registry,
    isReady: () => loaded !== undefined && !life.isStopping,
    subscriptions: () => whenLoaded().subscriptions,
    currentState: async (node, path) => whenLoaded().states.current(node, path),
    checkEndpoint: (endpoint) => checkEndpoint(agent, endpoint),
    policy: config.endpointPolicy,
    publicUrl: config.publicUrl,
    names: config.dataNames,
    now: () => clock.now(),
  });
  const server = await listen(api, { port: config.apiPort, host: config.listenHost, setting: 'API_PORT' });
  life.onStop('api', () => server.close());
  log.info({ port: server.port }, 'serving the API');

  const broker = await connectBroker(config.broker, 'gateway', deps);
  loaded = await serve(config, deps, { broker, metrics, poster: new Poster(agent, config.dataNames) });
  log.info({ port: server.port, subscriptions: loaded.subscriptions.size }, 'ready');
  return { apiPort: server.port };
}

interface Parts {
  broker: NatsConnection;
  metrics: GatewayMetrics;
  poster: Poster;
}

/** Loads subscriptions and cursor, and delivers from there on. */
async function serve(config: GatewayConfig, deps: Deps, { broker, metrics, poster }: Parts): Promise<Loaded> {
  const { log, life, clock } = deps;
  const { js, jsm } = await jetStream(broker);
  const kvm = new Kvm(js);
  const buckets = {
    states: await kvm.open(bus.buckets.states, { allow_direct: true }),
    subscriptions: await kvm.open(bus.buckets.subscriptions, { allow_direct: true }),
    cursors: await kvm.open(bus.buckets.cursors, { allow_direct: true }),
  };
  const store = new SubscriptionStore(buckets.subscriptions, jsm, config.scope);

  const deliverer = new Deliverer({
    clock,
    log,
    async post(record, event, n, signal) {
      const endTimer = metrics.attempts.startTimer();
      const outcome = await poster.post(record, event, n, signal);
      endTimer({ outcome: outcome.kind });
      return outcome;
    },
    nextOfSubject: (subject, from) => nextOfSubject(jsm, subject, from),
    onSettled(_record, _event, attempts) {
      metrics.deliveries.inc({ attempts: attempts === 1 ? 'one' : 'several' });
      keeper.changed();
    },
    onBadMessage: () => metrics.badMessages.inc(),
  });
  const tail = new Tail(
    { broker, jsm, clock, log },
    { onMessage: (message) => deliverer.take(message), onNewStream: () => deliverer.startOver() },
  );
  const keeper = new CursorKeeper({
    bucket: buckets.cursors,
    key: `${config.scope}.0`,
    epoch: randomUUID(),
    clock,
    log,
    positions: () => ({
      stream: tail.stream,
      tail: tail.position,
      subs: Object.fromEntries(deliverer.cursors(tail.position)),
    }),
    onSaved: () => metrics.cursorSaves.inc(),
    onTaken: deps.fail,
  });

  const before = await untilItWorks(deps, async () => {
    await ensureStreams(jsm, config.streams, { log });
    return { stream: await streamNow(jsm), records: await store.load(), cursor: await keeper.load() };
  });
  const from = tailStart(before.cursor, before.stream);
  let lowest = from;
  for (const record of before.records) {
    const resume = resumeAt(before.cursor, record, before.stream.created);
    deliverer.add(record, resume);
    lowest = Math.min(lowest, resume[0]);
  }
  life.onStop('cursor', () => keeper.stop());
  life.onStop('deliveries', () => deliverer.stop(GRACE_MS));
  tail.start(before.stream.created, lowest);
  life.onStop('tail', () => tail.stop());
  await untilItWorks(deps, () => keeper.start());

  const subscriptions = new Subscriptions(
    { scope: config.scope, store, deliverer, tail, now: () => clock.now() },
    before.records,
  );
  metrics.subscriptions(() => subscriptions.size);
  metrics.openLanes(() => deliverer.openLanes);
  metrics.tailPosition(() => tail.position);
  return { subscriptions, states: new States(broker, buckets.states) };
}

interface StreamNow {
  created: string;
  lastSeq: number;
}

async function streamNow(jsm: JetStreamManager): Promise<StreamNow> {
  const { created, state } = await jsm.streams.info(bus.streams.events);
  return { created, lastSeq: state.last_seq };
}

/** The tail goes on where it was; a first one begins with the next event. */
const tailStart = (cursor: Cursor | undefined, { created, lastSeq }: StreamNow): number =>
  cursor?.stream === created ? cursor.tail : lastSeq;

async function untilItWorks<T>({ clock, life, log }: Deps, step: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await step();
    } catch (err) {
      if (life.isStopping || !(err instanceof Error)) throw err;
      log.warn({ err }, 'cannot start yet, trying again');
      await sleep(clock, RETRY_MS);
    }
  }
}
