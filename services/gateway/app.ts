import { randomUUID } from 'node:crypto';
import { Kvm } from '@nats-io/kv';
import type { JetStreamManager } from '@nats-io/jetstream';
import { RequestRate } from './access/limits.js';
import { openTokens, renewTls } from './access/open.js';
import { readIdentity } from './access/tls.js';
import { connectBroker, jetStream, type NatsConnection } from '../shared/broker.js';
import { sleep } from '../shared/clock.js';
import { bus } from '../shared/contract/bus.js';
import { listen } from '../shared/http.js';
import type { Deps } from '../shared/service.js';
import { ensureStreams } from '../shared/streams.js';
import type { GatewayConfig } from './config.js';
import { resumeAt, type Cursor } from './delivery/cursor.js';
import { CursorKeeper } from './delivery/cursorKeeper.js';
import { CurrentEvents } from './delivery/currentEvents.js';
import { DeadLetters } from './delivery/deadLetters.js';
import { Deliverer } from './delivery/deliverer.js';
import { EventLog } from './delivery/log.js';
import { CONNECTIONS_PER_ORIGIN, Poster } from './delivery/post.js';
import { HELD_LIMIT, type Served } from './delivery/served.js';
import { Tail } from './delivery/tail.js';
import { endpointAgent } from './endpoints/agent.js';
import { EndpointChecks } from './endpoints/checks.js';
import { checkEndpoint } from './endpoints/check.js';
import { declareMetrics, type GatewayMetrics } from './metrics.js';
import { openPublishers, type Publishers } from './publishers/publishers.js';
import { createApi } from './routes/api.js';
import { States } from './states.js';
import { targetsOf } from './subscriptions/resource.js';
import { SubscriptionStore } from './subscriptions/store.js';
import { Subscriptions, Unavailable } from './subscriptions/subscriptions.js';

/** Time that running attempts have when the gateway stops. */
const GRACE_MS = 2_000;
const RETRY_MS = 500;

/** What the API needs once the broker was reached. */
interface Loaded {
  publishers: Publishers;
  subscriptions: Subscriptions;
  states: States;
  deadLetters: DeadLetters;
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

  const checks = new EndpointChecks();
  const api = createApi({
    log,
    registry,
    cne: metrics.cne,
    isReady: () => loaded !== undefined && !life.isStopping,
    access: openTokens(config.tokensFile, deps),
    isSidecar: config.isSidecar,
    subscriptions: () => whenLoaded().subscriptions,
    currentState: async (node, path) => whenLoaded().states.current(node, path),
    deadLetters: async (id) => whenLoaded().deadLetters.list(id),
    checkEndpoint: (endpoint, caller) => checks.run(caller, () => checkEndpoint(agent, endpoint)),
    rate: new RequestRate(config.requestsPerSecond),
    publishers: () => whenLoaded().publishers,
    publisherApi: config.publisherApi,
    policy: config.endpointPolicy,
    publicUrl: config.publicUrl,
    names: config.dataNames,
    ownNode: config.nodeName,
    now: () => clock.now(),
  });
  const server = await listen(api, {
    port: config.apiPort,
    host: config.listenHost,
    setting: 'API_PORT',
    ...(config.tls && { tls: readIdentity(config.tls) }),
  });
  life.onStop('api', () => server.close());
  if (config.tls) renewTls(server, config.tls, deps);
  log.info({ port: server.port }, 'serving the API');

  const broker = await connectBroker(config.broker, 'gateway', deps);
  const served = await serve(config, deps, { broker, metrics, poster: new Poster(agent, config.dataNames) });
  loaded = { ...served, publishers: await openPublishers(broker, config.scope, clock) };
  log.info({ port: server.port, subscriptions: loaded.subscriptions.size }, 'ready');
  return { apiPort: server.port };
}

interface Parts {
  broker: NatsConnection;
  metrics: GatewayMetrics;
  poster: Poster;
}

/** Loads subscriptions and cursor, and delivers from there on. */
async function serve(
  config: GatewayConfig,
  deps: Deps,
  { broker, metrics, poster }: Parts,
): Promise<Omit<Loaded, 'publishers'>> {
  const { log, life, clock } = deps;
  const { js, jsm } = await jetStream(broker);
  const kvm = new Kvm(js);
  const buckets = {
    states: await kvm.open(bus.buckets.states, { allow_direct: true }),
    subscriptions: await kvm.open(bus.buckets.subscriptions, { allow_direct: true }),
    cursors: await kvm.open(bus.buckets.cursors, { allow_direct: true }),
  };
  const store = new SubscriptionStore(buckets.subscriptions, jsm, config.scope);

  const states = new States(broker, buckets.states);
  const deadLetters = new DeadLetters(js, jsm);
  const events = new EventLog(jsm, ({ seq, subject }, reason) => {
    log.warn({ seq, subject, reason }, 'not an event, passed over');
    metrics.badMessages.inc();
  });
  const stopping = new AbortController();
  life.onStop('questions to nodes', () => stopping.abort());
  const currentEvents = new CurrentEvents((node, path) => states.current(node, path), stopping.signal);

  const deliverer: Deliverer = new Deliverer({
    clock,
    log,
    random: Math.random,
    maxAgeMs: config.maxEventAgeMs,
    heldLimit: HELD_LIMIT,
    events,
    async attempt(record, item, info, signal) {
      const endTimer = metrics.attempts.startTimer();
      const outcome = await poster.post(record, item, info, signal);
      endTimer({ outcome: outcome.kind });
      metrics.cne.attempted(item.event.source, outcome);
      return outcome;
    },
    askState: (node, path, onAsk) => currentEvents.of(node, path, onAsk),
    targetsOf: ({ filter }) => targetsOf(filter, () => states.nodes()),
    bury: (record, item, reason) => deadLetters.bury(record, item, reason, clock.now()),
    onEnd(record, { event }, end) {
      metrics.cne.ended(event.source, end);
      metrics.deliveries.inc({ outcome: end.kind === 'delivered' && end.attempts > 1 ? 'retried' : end.kind });
      if (end.kind === 'too old')
        log.warn({ subscription: record.id, event: event.id }, 'too old, given up for a newer one');
      keeper.changed();
    },
    onOwed: () => keeper.changed(),
    onGap(record) {
      log.error({ subscription: record.id }, 'the log has lost events that were due; sending the current states');
    },
    onGone(record) {
      log.warn({ subscription: record.id }, 'the endpoint answered 410: disabled until subscribed or pinged again');
      void subscriptions.disable(record.id);
    },
  });
  const tail = new Tail(
    { broker, jsm, clock, log },
    {
      onMessage: (message) => metrics.cne.read(deliverer.take(message)?.event.source),
      onLogInfo: (firstSeq) => (events.firstStored = firstSeq),
      onNewStream: () => deliverer.startOver(),
    },
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
  const subscriptions = new Subscriptions(
    {
      scope: config.scope,
      store,
      deliverer,
      tail,
      now: () => clock.now(),
      limits: config.subscriptionLimits,
      sendsInitialStates: config.sendsInitialStates,
    },
    before.records,
  );
  const position = tailStart(before.cursor, before.stream);
  events.restart(position);
  events.firstStored = before.stream.firstSeq;
  for (const record of before.records) {
    deliverer.add(record, resumeAt(before.cursor, record, before.stream.created));
  }
  life.onStop('cursor', () => keeper.stop());
  life.onStop('deliveries', () => deliverer.stop(GRACE_MS));
  tail.start(before.stream.created, position);
  life.onStop('tail', () => tail.stop());
  await untilItWorks(deps, () => keeper.start());

  metrics.subscriptions(() => subscriptions.size);
  metrics.cne.subscriptions(() => subscriptions.size);
  metrics.openLanes(() => sum(deliverer.all(), (served) => served.openLanes));
  metrics.detached(() => sum(deliverer.all(), (served) => (served.isAttached ? 0 : 1)));
  metrics.oldestAge(() => {
    const oldest = Array.from(deliverer.all(), (served) => served.oldestStoredAtMs ?? Infinity).reduce(
      (a, b) => Math.min(a, b),
      Infinity,
    );
    return oldest === Infinity ? 0 : Math.max(0, clock.now() - oldest) / 1_000;
  });
  metrics.tailPosition(() => tail.position);
  return { subscriptions, states, deadLetters };
}

const sum = (served: Iterable<Served>, count: (one: Served) => number): number =>
  Array.from(served, count).reduce((a, b) => a + b, 0);

interface StreamNow {
  created: string;
  firstSeq: number;
  lastSeq: number;
}

async function streamNow(jsm: JetStreamManager): Promise<StreamNow> {
  const { created, state } = await jsm.streams.info(bus.streams.events);
  return { created, firstSeq: state.first_seq, lastSeq: state.last_seq };
}

/**
 * The tail goes on where it was; a first one begins with the next event. Behind what retention has taken it begins
 * there, so that the subscriptions are behind it and notice.
 */
const tailStart = (cursor: Cursor | undefined, { created, firstSeq, lastSeq }: StreamNow): number =>
  cursor?.stream === created ? Math.max(cursor.tail, firstSeq - 1) : lastSeq;

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
