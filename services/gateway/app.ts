import type { Dispatcher } from 'undici';
import { Kvm, type KV } from '@nats-io/kv';
import { connectBroker, jetStream, type NatsConnection } from '../shared/broker.js';
import { sleep } from '../shared/clock.js';
import { bus } from '../shared/contract/bus.js';
import { listen } from '../shared/http.js';
import type { Deps } from '../shared/service.js';
import { ensureStreams, mendStreams } from '../shared/streams.js';
import { RequestRate } from './access/limits.js';
import { openTokens, renewTls } from './access/open.js';
import { readIdentity } from './access/tls.js';
import { startCanary } from './canary/canary.js';
import type { GatewayConfig } from './config.js';
import { DeadLetters } from './delivery/deadLetters.js';
import { Engine } from './delivery/engine.js';
import { CONNECTIONS_PER_ORIGIN } from './push/originLimiter.js';
import { endpointAgent } from './endpoints/agent.js';
import { checkEndpoint } from './endpoints/check.js';
import { EndpointChecks } from './endpoints/checks.js';
import { openMeasuring } from './measuring/open.js';
import { startReports } from './measuring/report.js';
import { declareMetrics, type GatewayMetrics } from './metrics.js';
import { openPublishers, type Publishers } from './publishers/publishers.js';
import { createApi } from './routes/api.js';
import { States } from './states.js';
import { SubscriptionStore } from './subscriptions/store.js';
import { Subscriptions, Unavailable } from './subscriptions/subscriptions.js';
import { startUpkeep } from './upkeep.js';

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

  const agent = endpointAgent(config.endpointPolicy, CONNECTIONS_PER_ORIGIN, {
    onOpened: () => metrics.connectionsOpened.inc(),
    onReused: () => metrics.connectionsReused.inc(),
  });
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
  loaded = await serve(config, deps, { broker, metrics, agent });
  log.info({ port: server.port, subscriptions: loaded.subscriptions.size }, 'ready');
  return { apiPort: server.port };
}

interface Parts {
  broker: NatsConnection;
  metrics: GatewayMetrics;
  agent: Dispatcher;
}

/** Loads subscriptions and cursor, and delivers from there on. */
async function serve(config: GatewayConfig, deps: Deps, { broker, metrics, agent }: Parts): Promise<Loaded> {
  const { log, life, clock } = deps;
  const { js, jsm } = await jetStream(broker);
  const kvm = new Kvm(js);
  const open = (name: string): Promise<KV> => kvm.open(name, { allow_direct: true });
  const store = new SubscriptionStore(await open(bus.buckets.subscriptions), jsm, config.scope);
  const states = new States(broker, await open(bus.buckets.states));
  const deadLetters = new DeadLetters(js, jsm);
  const measuring = await openMeasuring(config, deps, { broker, metrics });
  const engine = new Engine({
    broker,
    jsm,
    cursors: await open(bus.buckets.cursors),
    scope: config.scope,
    ownNode: config.nodeName,
    maxAgeMs: config.maxEventAgeMs,
    states,
    deadLetters,
    agent,
    defaultNames: config.dataNames,
    metrics,
    measuring,
    clock,
    log,
    onGone: (id) => void subscriptions.disable(id),
    onTaken: deps.fail,
  });

  const { stored, place } = await untilItWorks(deps, async () => {
    await ensureStreams(jsm, config.streams, { log });
    return { stored: await store.load(), place: await engine.findPlace() };
  });
  const subscriptions = new Subscriptions(
    {
      log,
      scope: config.scope,
      store,
      engine,
      now: () => clock.now(),
      limits: config.subscriptionLimits,
      sendsInitialStates: config.sendsInitialStates,
    },
    stored,
  );
  life.onStop('cursor', () => engine.saveLast());
  life.onStop('deliveries', () => engine.stopDelivering());
  life.onStop('tail', () => engine.stopReading());
  engine.start(stored.records, place);
  await untilItWorks(deps, () => engine.claim());
  const stopUpkeep = startUpkeep({ broker, clock, log }, async () => {
    await mendStreams(jsm, config.streams, log);
    await subscriptions.reconcile();
  });
  life.onStop('upkeep', stopUpkeep);
  metrics.watch(engine, () => subscriptions.size);
  metrics.cne.subscriptions(() => subscriptions.size);
  const { gateway, sender } = measuring;
  const countNodes = async (): Promise<number> =>
    (await jsm.streams.info(`KV_${bus.buckets.states}`)).state.num_subjects ?? 0;
  const who = { scope: config.scope, gateway, sender, engine };
  startReports({ ...who, clock, life, subscriptions: () => subscriptions.size, countNodes });
  const ensureStream = (signal: AbortSignal): Promise<void> => ensureStreams(jsm, config.streams, { log, signal });
  if (!config.isSidecar) startCanary({ broker, jsm, measuring, metrics, ensureStream }, deps);
  return { subscriptions, states, deadLetters, publishers: await openPublishers(broker, config.scope, clock) };
}

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
