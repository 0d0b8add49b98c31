import { systemClock } from '../services/shared/clock.js';
import { bus } from '../services/shared/contract/bus.js';
import type { LatencyRecord } from '../services/shared/messages.js';
import type { Delivery } from '../services/tracing/core/journey.js';
import type { EventView } from '../services/tracing/query/events.js';
import { startBroker, type Broker } from './support/broker.js';
import { NODE, NodeFiles, startTestCollector, type TestCollector } from './support/collector.js';
import { startConsumer, type Consumer } from './support/consumer.js';
import { halt } from './support/childProcess.js';
import type { Daemon } from './support/daemon.js';
import { eventually } from './support/eventually.js';
import { FakeClock } from './support/fakeClock.js';
import { startTestMetrics, type TestMetrics } from './support/metrics.js';
import { MovableClock } from './support/movableClock.js';
import { freePort } from './support/ports.js';
import { listenForReceipts, type Listener } from './support/receipts.js';
import { spawnGateway, startTestGateway, subscribe, type testDeps } from './support/services.js';
import { startBackend, startTestTracing, type TestTracing } from './support/tracing.js';

const { lockState, syncState } = bus.resources;
const LOCK_STATE = `/cluster/node/${NODE}${lockState.path}`;
const STAGES = ['emit', 'parse', 'enqueue', 'publish', 'broker', 'queue', 'retry', 'post'] as const;
type Stage = (typeof STAGES)[number];

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((a, b) => a + b, 0);

/** Figures are rounded to the microsecond, each by itself. */
const ROUNDING_MS = 0.01;

/** Every figure of a record. */
const figuresOf = ({ loopMs = 0, floorMs = 0, stages, hops }: LatencyRecord): number[] => [
  loopMs,
  floorMs,
  ...Object.values(stages),
  ...hops.map(({ ms }) => ms),
];

const qualities = ({ hops }: LatencyRecord): string[] => hops.map(({ hop, quality }) => `${hop} ${quality}`);

const passed = (ms: number): Promise<unknown> => {
  const end = performance.now() + ms;
  return eventually(() => performance.now() >= end);
};

type Deps = ReturnType<typeof testDeps>;

/** What became of the spans of a service. */
async function spans({ registry }: Deps, outcome: string): Promise<number> {
  const series = `ptp_spans_total{outcome="${outcome}"} `;
  const line = (await registry.metrics()).split('\n').find((one) => one.startsWith(series));
  return Number(line?.slice(series.length) ?? 0);
}

let broker: Broker;
let files: NodeFiles;
let listener: Listener;
let consumer: Consumer;
let collector: TestCollector<MovableClock>;
let daemon: Daemon;
/** Stop together; then what they send to. */
let services: { stop(): Promise<unknown> }[];
let receivers: { stop(): Promise<unknown> }[];

beforeEach(async () => {
  services = [];
  receivers = [];
  broker = await startBroker();
  files = new NodeFiles();
  listener = await listenForReceipts(broker.url);
  consumer = await startConsumer();
});
afterEach(async () => {
  daemon.end();
  await Promise.all(services.map((one) => one.stop()));
  await Promise.all(receivers.map((one) => one.stop()));
  await consumer.close();
  await listener.close();
  files.remove();
  await broker.close();
});

async function startCollector(vars: Record<string, string> = {}): Promise<void> {
  collector = await startTestCollector(broker.url, files, { clock: new MovableClock(), vars });
  services.push(collector);
  daemon = await collector.connect();
}

/** A gateway that sends no current states: what is delivered is events. */
const GATEWAY = { INITIAL_NOTIFICATION: 'false' };

async function startGateway(
  vars: Record<string, string> = {},
): Promise<{ api: string; deps: Deps; clock: MovableClock }> {
  const clock = new MovableClock();
  const gateway = await startTestGateway(broker.url, { ...GATEWAY, ...vars }, clock);
  services.push(gateway);
  return { ...gateway, clock };
}

async function subscribeTo(api: string, resource: string, path = ''): Promise<string> {
  const answer = await subscribe(api, resource, `${consumer.url}${path}`);
  if (answer.status !== 201) throw new Error(await answer.text());
  return ((await answer.json()) as { id: string }).id;
}

let isLocked = false;

/** The clock of the node loses its lock or finds it again, as linuxptp tells it: its lock state and the overall state change. */
async function change(): Promise<void> {
  isLocked = !isLocked;
  // linuxptp cuts its stamp off after the millisecond.
  const stamp = (Math.floor(collector.clock.monotonic()) / 1_000).toFixed(3);
  const offset = isLocked ? 3 : 5_000;
  await collector.feed(daemon, `ptp4l[${stamp}]: [ptp4l.0.config] master offset ${offset} s2 freq -5120 path delay 3`);
}

/** Does it, and gives the record of the change of the lock state that it has made. */
async function recordOf(making: () => Promise<unknown>): Promise<LatencyRecord> {
  const before = listener.records.length;
  await making();
  return eventually(() => listener.records.slice(before).find(({ resource }) => resource === lockState.path));
}

const recordOfChange = (): Promise<LatencyRecord> => recordOf(change);

async function lookUp({ query }: TestTracing, event: string | undefined): Promise<EventView> {
  const answer = await fetch(`${query}/v1/events/${event}`);
  if (!answer.ok) throw new Error(await answer.text());
  return (await answer.json()) as EventView;
}

/** The trace of an event once the collector's word about a delivery of it is there. */
const closedTraceOf = (tracing: TestTracing, event: string | undefined, subscription: string): Promise<EventView> =>
  eventually(async () => {
    const trace = await lookUp(tracing, event);
    const isClosed = trace.deliveries.some((one) => one.subscription === subscription && one.loopMs !== undefined);
    const names = trace.spans.map(({ name }) => name.split(' ', 1)[0]);
    return isClosed && ['create', 'send', 'process', 'POST'].every((name) => names.includes(name)) ? trace : undefined;
  });

/** What the rows of a delivery cover, counted anew from their places, and what no row tells of. */
function sumOf({ hops, gaps, totalMs }: Delivery): { covered: number; unaccounted: number } {
  let covered = 0;
  let until = 0;
  const rows = hops.flatMap(({ startMs, ms = 0 }) => (startMs === undefined ? [] : [{ startMs, endMs: startMs + ms }]));
  for (const { startMs, endMs } of rows.toSorted((a, b) => a.startMs - b.startMs)) {
    const from = Math.max(startMs, until);
    until = Math.max(until, Math.min(endMs, totalMs));
    covered += Math.max(until - from, 0);
  }
  return { covered, unaccounted: sum(gaps.map(({ ms }) => ms)) };
}

/** The hop table adds up, to the last digit that it has. */
function expectSum(delivery: Delivery): void {
  const { covered, unaccounted } = sumOf(delivery);
  expect(covered + unaccounted).toBeCloseTo(delivery.totalMs, 3);
  expect([delivery.coveredMs, delivery.unaccountedMs]).toEqual([
    expect.closeTo(covered, 3),
    expect.closeTo(unaccounted, 3),
  ]);
}

async function startMetrics(): Promise<TestMetrics<typeof systemClock>> {
  const metrics = await startTestMetrics(broker.url, { clock: systemClock });
  receivers.push(metrics);
  return metrics;
}

/** Sum of all series of a name whose labels have this in them. */
const total = async (metrics: TestMetrics<typeof systemClock>, name: string, labels = ''): Promise<number> =>
  sum([...(await metrics.scrape(name))].filter(([series]) => series.includes(labels)).map(([, value]) => value));

async function startTracing(clock = new FakeClock()): Promise<TestTracing & { vars: Record<string, string> }> {
  const tracing = await startTestTracing({}, clock);
  receivers.push(tracing);
  return { ...tracing, vars: { OTEL_EXPORTER_OTLP_ENDPOINT: tracing.otlp, TRACE_RATE: '10000' } };
}

describe('N deliveries', () => {
  const CHANGES = 40;

  it('are N observations, N receipts, and traces with all their hops', async () => {
    const time = new FakeClock();
    const tracing = await startTracing(time);
    const metrics = await startMetrics();
    const { api } = await startGateway(tracing.vars);
    await startCollector(tracing.vars);
    const one = await subscribeTo(api, LOCK_STATE);
    await subscribeTo(api, `/cluster/node/${NODE}/sync`, '/tree');
    await subscribeTo(api, `/cluster/node/*${syncState.path}`, '/all');
    let refusals = 1;
    consumer.answer((res) => void res.writeHead(refusals-- > 0 ? 503 : 204).end());

    for (let n = 0; n < CHANGES; n += 1) await change();
    // Two events for each change, and two deliveries of each.
    const all = 4 * CHANGES;
    const observed = (): Promise<number> => total(metrics, 'ptp_event_delivery_seconds_count', 'traffic="event"');
    await eventually(async () => (await observed()) >= all);

    // 30 s later what is missing would be unconfirmed, and 5 min later never closed: nothing is waited for any more.
    collector.clock.skip({ seconds: 31 });
    await change();
    await eventually(async () => (await observed()) >= all + 4);
    collector.clock.skip({ seconds: 301 });
    await change();
    const sent = all + 8;
    await eventually(async () => (await observed()) >= sent);
    expect(await observed()).toBe(sent);
    expect(await total(metrics, 'ptp_event_deliveries_total')).toBe(sent);
    expect(await total(metrics, 'ptp_event_deliveries_total', 'outcome="retried"')).toBe(1);
    expect(await total(metrics, 'ptp_event_delivery_seconds_bucket', 'le="10.0"')).toBe(sent);
    for (const never of ['unconfirmed', 'duplicates', 'dead_letters', 'impossible_values']) {
      expect({ [never]: await total(metrics, `ptp_event_${never}_total`) }).toEqual({ [never]: 0 });
    }

    expect(listener.deliveries().map(({ delivery }) => delivery.weight)).toEqual(Array(sent).fill(1));
    expect(sum(listener.tails().map(({ tail }) => tail.matches))).toBe(sent);
    expect(consumer.received).toHaveLength(sent + 1);

    expect(await total(metrics, 'ptp_event_delivery_floor_seconds_count')).toBe(sent);
    const floor = await total(metrics, 'ptp_event_delivery_floor_seconds_sum');
    expect(floor).toBeGreaterThan(0);
    expect(floor).toBeLessThanOrEqual(await total(metrics, 'ptp_event_delivery_seconds_sum'));
    for (const { floorMs = NaN, loopMs = NaN } of listener.records) expect(floorMs).toBeLessThan(loopMs + ROUNDING_MS);

    for (const { event, delivery } of listener.deliveries()) {
      const { deliveries } = await closedTraceOf(tracing, event, delivery.subscription);
      for (const each of deliveries) expectSum(each);
    }
    const retried = listener.deliveries().find(({ delivery }) => delivery.attempts > 1);
    const plain = listener
      .deliveries()
      .find(({ event, delivery }) => event !== retried?.event && delivery.subscription === one);
    for (const receipt of [retried, plain]) {
      const subscription = receipt?.delivery.subscription ?? '';
      await closedTraceOf(tracing, receipt?.event, subscription);
      time.advance({ seconds: 61 });
      const kept = await lookUp(tracing, receipt?.event);
      const { hops, outcome, attempts } = kept.deliveries.find((each) => each.subscription === subscription) ?? {};
      expect(kept.keptFor).not.toBeNull();
      expect({ outcome, attempts }).toEqual(
        receipt === retried ? { outcome: 'retried', attempts: 2 } : { outcome: 'delivered', attempts: 1 },
      );
      expect(hops?.map(({ hop, quality }) => `${hop} ${quality}`)).toEqual(
        STAGES.map((hop) => `${hop} ${hop === 'broker' ? 'derived' : 'exact'}`),
      );
      for (const { ms } of hops ?? []) expect(ms).toBeGreaterThanOrEqual(0);
      const retry = hops?.find(({ hop }) => hop === 'retry')?.ms;
      if (receipt === retried) expect(retry).toBeGreaterThan(0);
      else expect(retry).toBe(0);
    }
  });
});

describe('what is slow shows where it is slow, and nowhere else:', () => {
  const SLOW_MS = 500;
  const ROUNDS = 3;

  let gateway: Awaited<ReturnType<typeof spawnGateway>>;

  beforeEach(async () => {
    gateway = await spawnGateway(broker.url, await freePort(), GATEWAY);
    services.push({ stop: () => gateway.kill('SIGTERM') });
    await startCollector();
    await subscribeTo(gateway.api, LOCK_STATE);
    // Connections are made, code is warm.
    for (let n = 0; n < 3; n += 1) await recordOfChange();
  });

  /** The record of a change that begins its way while a part is paused. */
  const recordOfChangeIn = (pause: { begin(): void; end(): void }): Promise<LatencyRecord> =>
    recordOf(async () => {
      pause.begin();
      await change();
      await passed(SLOW_MS);
      pause.end();
    });

  async function stagesWhen(slow: () => Promise<LatencyRecord>): Promise<Record<Stage, number[]>> {
    const stages = Object.fromEntries(STAGES.map((stage) => [stage, []])) as unknown as Record<Stage, number[]>;
    for (let n = 0; n < ROUNDS; n += 1) {
      const record = await slow();
      for (const stage of STAGES) stages[stage].push(record.stages[stage] ?? NaN);
    }
    return stages;
  }

  /**
   * All rounds show the delay in these stages, and the others do not, in the best of the rounds: a machine that is busy with
   * something else is slow anywhere, and what a gateway that did not run kept waiting is taken from `broker`.
   */
  function expectSlow(stages: Record<Stage, number[]>, where: Stage[]): void {
    for (const stage of STAGES) {
      const least = Math.min(...stages[stage]);
      const isAsExpected = where.includes(stage) ? least > 0.5 * SLOW_MS : least < 0.25 * SLOW_MS;
      expect({ stage, ms: stages[stage], isAsExpected }).toMatchObject({ stage, isAsExpected: true });
    }
  }

  it('a consumer, in `post`', async () => {
    consumer.answer((res) => void setTimeout(() => res.writeHead(204).end(), SLOW_MS));
    expectSlow(await stagesWhen(recordOfChange), ['post']);
  });

  it('a broker, in `publish` and `broker`', async () => {
    const pause = { begin: () => broker.pause(), end: () => broker.resume() };
    expectSlow(await stagesWhen(() => recordOfChangeIn(pause)), ['publish', 'broker']);
  });

  it('a gateway, in `queue`', async () => {
    const pause = { begin: () => halt(gateway.pid), end: () => process.kill(gateway.pid, 'SIGCONT') };
    expectSlow(await stagesWhen(() => recordOfChangeIn(pause)), ['queue']);
  });
});

describe('a wall clock that is set', () => {
  const HOUR_MS = 3_600_000;
  /** No machine is so busy, and no clock was set by so little. */
  const PLAUSIBLE_MS = 10_000;

  it('changes no latency, makes hops suspect and nothing negative', async () => {
    const tracing = await startTracing();
    const metrics = await startMetrics();
    const gateway = await startGateway(tracing.vars);
    await startCollector(tracing.vars);
    const subscription = await subscribeTo(gateway.api, LOCK_STATE);
    await eventually(async () => qualities(await recordOfChange()).includes('broker derived'));

    const suspects: LatencyRecord[] = [];
    for (const clock of [collector.clock, gateway.clock]) {
      for (const stepMs of [HOUR_MS, -HOUR_MS]) {
        clock.stepWallClock(stepMs);
        for (let n = 0; n < 3; n += 1) {
          const record = await recordOfChange();
          expect(qualities(record)).toEqual(['broker suspect', 'receipt suspect', 'post exact']);
          expect(record.loopMs).toBeLessThan(PLAUSIBLE_MS);
          suspects.push(record);
        }
        clock.stepWallClock(-stepMs);
        await eventually(async () => qualities(await recordOfChange()).includes('broker derived'));
      }
    }
    for (const record of listener.records) {
      expect(Math.min(...figuresOf(record))).toBeGreaterThanOrEqual(0);
      expect(Math.max(...figuresOf(record))).toBeLessThan(PLAUSIBLE_MS);
      expect(record.floorMs).toBeLessThan((record.loopMs ?? NaN) + ROUNDING_MS);
    }
    for (const { event } of suspects) {
      const { deliveries, spans: made, interests } = await closedTraceOf(tracing, event, subscription);
      expect(interests).toContain('suspect');
      for (const delivery of deliveries) expectSum(delivery);
      for (const { ms = 0 } of deliveries.flatMap(({ hops }) => hops)) {
        expect(ms).toBeGreaterThanOrEqual(0);
        expect(ms).toBeLessThan(PLAUSIBLE_MS);
      }
      for (const { durationMs } of made) expect(durationMs).toBeGreaterThanOrEqual(0);
    }

    const seen = listener.records.length;
    await eventually(async () => (await total(metrics, 'ptp_event_delivery_seconds_count')) === seen);
    expect(await total(metrics, 'ptp_event_hop_seconds_count', 'quality="suspect"')).toBeGreaterThanOrEqual(
      2 * suspects.length,
    );
    expect(await total(metrics, 'ptp_event_impossible_values_total')).toBe(0);
  });
});

describe('without a tracing service', () => {
  /** As long as an export is tried. */
  const EXPORT_MS = 5_000;
  const CHANGES = 30;

  it('events are delivered as ever, and lost spans are counted', async () => {
    const hanging = await startBackend();
    hanging.answer = 'silence';
    receivers.push({ stop: () => hanging.close() });
    const port = await freePort();
    const gateway = await startGateway({ OTEL_EXPORTER_OTLP_ENDPOINT: hanging.url, TRACE_RATE: '10000' });
    await startCollector({ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`, TRACE_RATE: '10000' });
    await subscribeTo(gateway.api, LOCK_STATE);

    for (let n = 0; n < CHANGES; n += 1) await change();
    await eventually(() => listener.records.length >= CHANGES);
    await eventually(() => hanging.requests.length > 0);
    // An export is under way, and nobody waits for it.
    for (let n = 0; n < CHANGES; n += 1) await change();
    await eventually(() => listener.records.length >= 2 * CHANGES);
    const counted = (outcome: string): Promise<unknown> =>
      Promise.all([gateway, collector].map(({ deps }) => eventually(async () => (await spans(deps, outcome)) > 0)));
    await counted('failed');

    expect(consumer.accepted).toHaveLength(2 * CHANGES);
    expect(listener.records.map(({ outcome }) => outcome)).toEqual(Array(2 * CHANGES).fill('delivered'));
    expect(Math.max(...listener.records.map(({ loopMs = Infinity }) => loopMs))).toBeLessThan(EXPORT_MS);
    for (const { deps } of [gateway, collector]) expect(await spans(deps, 'exported')).toBe(0);

    // It is back.
    hanging.answer = { status: 200 };
    receivers.push(await startTestTracing({ OTLP_PORT: String(port) }));
    await change();
    await counted('exported');
  });
});
