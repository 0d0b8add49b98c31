import { Kvm, type KV } from '@nats-io/kv';
import { connectBroker, jetStream, type NatsConnection } from '../shared/broker.js';
import { sleep } from '../shared/clock.js';
import { bus } from '../shared/contract/bus.js';
import { Doublings } from '../shared/doublings.js';
import { Health } from '../shared/health.js';
import { listen } from '../shared/http.js';
import type { Logger } from '../shared/log.js';
import { declareProcessMetrics } from '../shared/processMetrics.js';
import { CannotStart, type Deps } from '../shared/service.js';
import { ensureStreams, mendStreams } from '../shared/streams.js';
import { RequestRate } from './access/limits.js';
import { openTokens, renewTls } from './access/open.js';
import { readIdentity } from './access/tls.js';
import { startCanary } from './canary/canary.js';
import type { GatewayConfig } from './config.js';
import { DeadLetters } from './delivery/deadLetters.js';
import { Engine } from './delivery/engine.js';
import { CONNECTIONS_PER_ORIGIN } from './push/originLimiter.js';
import { discreetAgent, endpointAgent, type EndpointAgent } from './endpoints/agent.js';
import { checkEndpoint } from './endpoints/check.js';
import { checkedFor } from './endpoints/checkedFor.js';
import { EndpointChecks } from './endpoints/checks.js';
import { openMeasuring } from './measuring/open.js';
import { startReports } from './measuring/report.js';
import { declareMetrics, type GatewayMetrics } from './metrics.js';
import { openPublishers, type Publishers } from './publishers/publishers.js';
import { createApi } from './routes/api.js';
import { States } from './states.js';
import { findIdKey } from './subscriptions/idKey.js';
import { HOW_TO_SET, SecretKeys } from './subscriptions/secretKeys.js';
import { SubscriptionStore, type StoredSubscriptions } from './subscriptions/store.js';
import { Subscriptions, Unavailable } from './subscriptions/subscriptions.js';
import { Unreadable } from './unreadable.js';
import { startUpkeep } from './upkeep.js';

const RETRY_MS = 500;

/** What the API needs once the broker was reached. */
interface Loaded {
  engine: Engine;
  publishers: Publishers;
  subscriptions: Subscriptions;
  states: States;
  deadLetters: DeadLetters;
}

/** Starts the gateway; resolves when it is ready. The API serves from the first moment, with 503 where it must. */
export async function startGateway(config: GatewayConfig, deps: Deps): Promise<{ apiPort: number }> {
  const { log, life, registry, clock } = deps;
  declareProcessMetrics(registry, 'gateway');
  const metrics = declareMetrics(registry);
  const health = new Health(registry);
  let loaded: Loaded | undefined;
  const whenLoaded = (): Loaded => {
    if (loaded === undefined || life.isStopping) throw new Unavailable('the gateway is starting or stopping');
    return loaded;
  };

  const agent = endpointAgent(config.endpointPolicy, CONNECTIONS_PER_ORIGIN, {
    onOpened: () => metrics.connectionsOpened.inc(),
    onReused: () => metrics.connectionsReused.inc(),
    onUnanswered: (why) => metrics.unanswered.inc({ why }),
  });
  // Where access is open everybody reads the series: they must not tell what the check of somebody's URL has found there.
  const discreet = discreetAgent(config.endpointPolicy, CONNECTIONS_PER_ORIGIN);
  life.onStop('endpoint connections', () => Promise.all([agent.destroy(), discreet.destroy()]));

  const checks = new EndpointChecks();
  const api = createApi({
    log,
    registry,
    cne: metrics.cne,
    isReady: () => loaded !== undefined && !life.isStopping,
    complaints: () => health.complaints,
    access: openTokens(config.tokensFile, deps),
    isSidecar: config.isSidecar,
    subscriptions: () => whenLoaded().subscriptions,
    doing: (id, isExact) => whenLoaded().engine.subscribers.doing(id, isExact),
    startedAt: clock.now(),
    currentState: async (node, path) => whenLoaded().states.current(node, path),
    deadLetters: async (id) => whenLoaded().deadLetters.list(id),
    checkEndpoint: (url, caller) =>
      checks.run(caller.owner, () =>
        checkedFor(caller, url, () => checkEndpoint(caller.isAuthenticated ? agent : discreet, url), log),
      ),
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
    maxConnections: config.maxConnections,
    log,
    ...(config.tls && { tls: readIdentity(config.tls) }),
  });
  life.onStop('api', () => server.close());
  if (config.tls) renewTls(server, config.tls, deps);
  log.info({ port: server.port }, 'serving the API');

  const broker = await connectBroker(config.broker, 'gateway', deps, health);
  loaded = await serve(config, deps, { broker, health, metrics, agent });
  log.info({ port: server.port, subscriptions: loaded.subscriptions.size }, 'ready');
  return { apiPort: server.port };
}

interface Parts {
  broker: NatsConnection;
  health: Health;
  metrics: GatewayMetrics;
  agent: EndpointAgent;
}

/** Loads subscriptions and cursor, and delivers from there on. */
async function serve(config: GatewayConfig, deps: Deps, { broker, health, metrics, agent }: Parts): Promise<Loaded> {
  const { log, life, clock } = deps;
  const { js, jsm } = await jetStream(broker);
  const kvm = new Kvm(js);
  const open = (name: string): Promise<KV> => kvm.open(name, { allow_direct: true });
  const unreadable = new Unreadable(log, (what) => {
    metrics.unreadable.inc({ what });
    if (what === 'event') metrics.badMessages.inc();
  });
  const store = new SubscriptionStore(await open(bus.buckets.subscriptions), {
    jsm,
    scope: config.scope,
    secrets: new SecretKeys(config.secretKeys),
    unreadable,
  });
  const cursors = await open(bus.buckets.cursors);
  const states = new States(broker, await open(bus.buckets.states), { unreadable, now: () => clock.now() });
  const deadLetters = new DeadLetters(js, jsm, unreadable);
  const measuring = await openMeasuring(config, deps, { broker, metrics });
  const engine = new Engine({
    broker,
    jsm,
    cursors,
    scope: config.scope,
    ownNode: config.nodeName,
    maxAgeMs: config.maxEventAgeMs,
    states,
    deadLetters,
    agent,
    defaultNames: config.dataNames,
    metrics,
    measuring,
    unreadable,
    clock,
    log,
    onGone: (id) => void subscriptions.disable(id),
    onTaken: deps.fail,
  });

  const { stored, place, idKey } = await untilItWorks(deps, async () => {
    await ensureStreams(jsm, config.streams, { log });
    const loaded = await store.load();
    return {
      idKey: await findIdKey(cursors, config.scope),
      stored: loaded,
      place: await engine.findPlace(loaded.records),
    };
  });
  tellOfSecrets(stored, log);
  const subscriptions = new Subscriptions(
    {
      log,
      scope: config.scope,
      idKey,
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
  health.watch('log_not_read', () => (engine.tail.isReading ? undefined : 'the event log is not read'));
  metrics.watch(
    engine,
    () => subscriptions.size,
    () => clock.now(),
  );
  const publishers = await openPublishers(broker, config.scope, { clock, unreadable });
  metrics.cne.subscriptions(() => subscriptions.size);
  metrics.cne.publishers(() => publishers.count());
  metrics.cne.senders(() => engine.subscribers.all());
  const { gateway, sender } = measuring;
  const countNodes = async (): Promise<number> =>
    (await jsm.streams.info(`KV_${bus.buckets.states}`)).state.num_subjects ?? 0;
  const who = { scope: config.scope, gateway, sender, engine };
  const leaves = (): boolean => config.isSidecar || subscriptions.size === 0;
  startReports({ ...who, clock, life, subscriptions: () => subscriptions.size, countNodes, leaves });
  const ensureStream = (signal: AbortSignal): Promise<void> =>
    ensureStreams(jsm, config.streams, { log, signal }).catch((err: unknown) =>
      log.error({ err }, 'the streams cannot be made again'),
    );
  if (!config.isSidecar) startCanary({ broker, jsm, measuring, metrics, ensureStream }, deps);
  return { engine, subscriptions, states, deadLetters, publishers };
}

function tellOfSecrets({ closed, unsealed }: StoredSubscriptions, log: Logger): void {
  if (closed.length > 0) {
    const ids = closed.slice(0, 10);
    log.error(
      { subscriptions: closed.length, ids },
      `secrets were sealed with a key that is not there, nothing is sent for their subscriptions: ${HOW_TO_SET}`,
    );
  }
  if (unsealed > 0) {
    log.warn({ secrets: unsealed }, 'secrets stand unsealed in the bucket until their subscriptions are written next');
  }
}

async function untilItWorks<T>({ clock, life, log }: Deps, step: () => Promise<T>): Promise<T> {
  const failures = new Doublings(clock);
  for (;;) {
    try {
      return await step();
    } catch (err) {
      if (life.isStopping || !(err instanceof Error) || err instanceof CannotStart) throw err;
      failures.tell((times) => log.warn({ err, times }, 'cannot start yet, trying again'));
      await sleep(clock, RETRY_MS);
    }
  }
}
