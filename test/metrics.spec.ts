import { jetstreamManager } from '@nats-io/jetstream';
import { Svcm } from '@nats-io/services';
import type { NatsConnection } from '@nats-io/transport-node';
import { pino } from 'pino';
import { systemClock } from '../services/shared/clock.js';
import { bus } from '../services/shared/contract/bus.js';
import { ensureStreams } from '../services/shared/streams.js';
import { startBroker, type Broker } from './support/broker.js';
import { NODE, NodeFiles, startTestCollector } from './support/collector.js';
import { eventually } from './support/eventually.js';
import { FakeClock } from './support/fakeClock.js';
import {
  connectSpeaker,
  scrape,
  spawnMetrics,
  startTestMetrics,
  type Speaker,
  type TestMetrics,
} from './support/metrics.js';
import { startNode } from './support/node.js';
import { startPrometheus } from './support/prometheus.js';

const LOCK = bus.resources.lockState.path;

let broker: Broker;
let speaker: Speaker;

beforeEach(async () => {
  broker = await startBroker();
  speaker = await connectSpeaker(broker.url);
});
afterEach(async () => {
  await speaker.close();
  await broker.close();
});

const makeStreams = async (): Promise<void> => {
  const jsm = await jetstreamManager(speaker.broker, { checkAPI: false });
  await ensureStreams(jsm, { replicas: 1, eventsMaxBytes: 2 ** 26 }, { log: pino({ level: 'silent' }) });
};

const stateOf = (node: string, word: string): string => `ptp_state{node="${node}",resource="${LOCK}",state="${word}"}`;
const upOf = (node: string): string => `ptp_collector_up{node="${node}"}`;

const offset = (ns: number): string => `ptp4l[1.1]: [ptp4l.0.config] master offset ${ns} s2 freq -5 path delay 3`;

/** A collector as far as it says that it lives. */
async function answerPings(client: NatsConnection, node: string): Promise<{ stop(): Promise<unknown> }> {
  const services = new Svcm(client as unknown as ConstructorParameters<typeof Svcm>[0]);
  return services.add({ name: bus.services.collector, version: '1.0.0', metadata: { node } });
}

describe('the metrics service', () => {
  let metrics: TestMetrics;

  /** Waits for a series to have a value; undefined: to be absent. */
  const shows = (series: string, value: number | undefined, of: { scrape(): Promise<Map<string, number>> } = metrics) =>
    eventually(async () => (await of.scrape()).get(series) === value);

  /** The same, while the time of the service goes on: it asks again. */
  const showsInTime = (series: string, value: number | undefined, of = metrics) =>
    eventually(async () => {
      of.clock.advance({ seconds: 1 });
      return (await of.scrape()).get(series) === value;
    });

  beforeEach(async () => {
    // Sequences far beyond its time would be nobody's, and collectors on the real clock number from now on.
    metrics = await startTestMetrics(broker.url, { clock: new FakeClock({ startsAt: new Date().toISOString() }) });
  });
  afterEach(() => metrics.stop());

  it('makes histograms of latency records, and counts garbage', async () => {
    const hop = { hop: 'broker', quality: 'suspect', ms: 3 } as const;
    speaker.latency({ weight: 1_000_000, loopMs: 4, stages: { post: 2, queue: -1 }, hops: [hop] });
    speaker.latency({ outcome: 'never_closed', traffic: 'canary', resource: '/canary' });
    speaker.latency({ outcome: 'dead_letter' });
    for (const garbage of ['', '{', '[]', '{"node":"n1.example.com"}']) {
      speaker.broker.publish('ptp.latency.n1_example_com', garbage);
    }
    speaker.broker.publish('ptp.latency.a.b', '{}');
    speaker.broker.publish('ptp.latency.ä', '{}');
    speaker.broker.publish(`ptp.events.n1.sync`, 'garbage');
    await shows('ptp_metrics_records_total{outcome="malformed"}', 7);
    expect(Object.fromEntries(await metrics.scrape())).toMatchObject({
      [`ptp_event_delivery_seconds_bucket{resource="${LOCK}",traffic="event",le="0.0025"}`]: 0,
      [`ptp_event_delivery_seconds_bucket{resource="${LOCK}",traffic="event",le="0.005"}`]: 1_000_000,
      [`ptp_event_delivery_seconds_bucket{resource="/canary",traffic="canary",le="10.0"}`]: 0,
      [`ptp_event_delivery_seconds_count{resource="/canary",traffic="canary"}`]: 1,
      'ptp_event_stage_seconds_count{stage="post"}': 1_000_000,
      'ptp_event_hop_seconds_count{hop="broker",quality="suspect"}': 1_000_000,
      'ptp_event_impossible_values_total{value="queue"}': 1_000_000,
      'ptp_event_deliveries_total{outcome="delivered"}': 1_000_000,
      'ptp_event_deliveries_total{outcome="dead_letter"}': 1,
      ptp_event_dead_letters_total: 1,
      ptp_event_unconfirmed_total: 0,
      'ptp_metrics_records_total{outcome="used"}': 3,
    });
  });

  it('shares latency records with its replicas, and shows states in each', async () => {
    const replica = await startTestMetrics(broker.url);
    try {
      await makeStreams();
      const node = await startNode(broker.url, 'n1', 'LOCKED');
      const collector = await answerPings(speaker.broker, 'n1');
      for (let i = 0; i < 300; i += 1) speaker.latency({ loopMs: 1 });
      const delivered = 'ptp_event_deliveries_total{outcome="delivered"}';
      const counts = await eventually(async () => {
        const both = [await metrics.scrape(), await replica.scrape()].map((series) => series.get(delivered) ?? 0);
        return both.reduce((a, b) => a + b) === 300 ? both : undefined;
      });
      expect(Math.min(...counts)).toBeGreaterThan(0);
      for (const one of [metrics, replica]) {
        await showsInTime(stateOf('n1', 'LOCKED'), 1, one);
        expect((await one.scrape()).get(stateOf('n1', 'FREERUN'))).toBe(0);
      }
      await collector.stop();
      await node.close();
    } finally {
      await replica.stop();
    }
  });

  it('follows a real collector: its states, its transitions, its end', async () => {
    const files = new NodeFiles();
    const collector = await startTestCollector(broker.url, files, { clock: systemClock });
    try {
      const daemon = await collector.connect();
      await collector.feed(daemon, 'ptp4l[1.0]: [ptp4l.0.config] port 1: UNCALIBRATED to SLAVE on X', offset(3));
      await showsInTime(stateOf(NODE, 'LOCKED'), 1);
      expect((await metrics.scrape()).get(upOf(NODE))).toBe(1);

      // Faster than values are written: the events tell of every change.
      for (let i = 0; i < 20; i += 1) await collector.feed(daemon, offset(100_000), offset(3));
      const transitions = (word: string): string =>
        `ptp_state_transitions_total{node="${NODE}",resource="${LOCK}",state="${word}"}`;
      await shows(transitions('LOCKED'), 20);
      await shows(transitions('FREERUN'), 20);
      const overall = `ptp_state{node="${NODE}",resource="${bus.resources.syncState.path}",state="LOCKED"}`;
      await shows(overall, 1);

      const seconds = `ptp_state_seconds_total{node="${NODE}",resource="${LOCK}",state="LOCKED"}`;
      await eventually(async () => {
        metrics.clock.advance({ seconds: 1 });
        return ((await metrics.scrape()).get(seconds) ?? 0) > 7;
      });

      daemon.end();
      await collector.stop();
      metrics.clock.advance({ ms: 25_001 });
      await shows(upOf(NODE), 0);
      const gone = await metrics.scrape();
      expect(gone.has(stateOf(NODE, 'LOCKED'))).toBe(false);
      expect(gone.get(`ptp_collector_last_seen_timestamp_seconds{node="${NODE}"}`)).toBeGreaterThan(0);
      expect(gone.get(transitions('FREERUN'))).toBe(20);
      metrics.clock.advance({ seconds: 86_401 });
      const forgotten = [...(await metrics.scrape()).keys()].filter((series) => series.includes(NODE));
      expect(forgotten).toEqual([]);
    } finally {
      files.remove();
      await collector.stop();
    }
  });

  it('survives outages of the broker, and does not call the collectors gone for it', async () => {
    await makeStreams();
    const node = await startNode(broker.url, 'n1', 'LOCKED');
    await answerPings(speaker.broker, 'n1');
    await showsInTime(stateOf('n1', 'LOCKED'), 1);
    await broker.kill();
    metrics.clock.advance({ seconds: 60 });
    await shows(upOf('n1'), undefined);
    await shows('ptp_jetstream_store_bytes', undefined);
    await broker.restart();
    await showsInTime(stateOf('n1', 'LOCKED'), 1);
    speaker.latency({ loopMs: 1 });
    await shows('ptp_event_deliveries_total{outcome="delivered"}', 1);
    await node.close();
  });

  it('notices that the bucket was made anew', async () => {
    await makeStreams();
    for (const name of ['n1', 'n2']) {
      await (await startNode(broker.url, name, 'LOCKED')).close();
      await answerPings(speaker.broker, name);
    }
    await showsInTime(stateOf('n2', 'LOCKED'), 1);
    const jsm = await jetstreamManager(speaker.broker, { checkAPI: false });
    await jsm.streams.delete(`KV_${bus.buckets.states}`);
    await makeStreams();
    await (await startNode(broker.url, 'n1', 'FREERUN')).close();
    await eventually(async () => {
      metrics.clock.advance({ seconds: 1 });
      const series = await metrics.scrape();
      return series.get(upOf('n2')) === 1 && !series.has(stateOf('n2', 'LOCKED'));
    });
    await showsInTime(stateOf('n1', 'FREERUN'), 1);
  });

  it('shows what the gateways of a scope report, while they do', async () => {
    speaker.gateway();
    speaker.gateway({ gateway: 'g2', isReading: false, oldestUndeliveredSeconds: 9 });
    await shows('ptp_scope_gateways{scope="cluster"}', 2);
    expect(Object.fromEntries(await metrics.scrape())).toMatchObject({
      'ptp_scope_gateways_reading{scope="cluster"}': 1,
      'ptp_scope_subscriptions{scope="cluster"}': 6,
      'ptp_scope_subscriptions_behind{scope="cluster"}': 2,
      'ptp_scope_tail_lag_events{scope="cluster"}': 2,
      'ptp_scope_oldest_undelivered_seconds{scope="cluster"}': 9,
      'ptp_scope_cursor_age_seconds{scope="cluster"}': 0.5,
    });
    metrics.clock.advance({ ms: 15_001 });
    expect([...(await metrics.scrape()).keys()].filter((series) => series.startsWith('ptp_scope'))).toEqual([
      'ptp_scope_gateways{scope="cluster"}',
      'ptp_scope_gateways_reading{scope="cluster"}',
    ]);
  });

  it('does not call anybody gone because the broker keeps the connection and answers nothing', async () => {
    speaker.gateway();
    await answerPings(speaker.broker, 'n1');
    await shows('ptp_scope_gateways{scope="cluster"}', 1);
    await showsInTime(upOf('n1'), 1);
    broker.pause();
    metrics.clock.advance({ seconds: 30 });
    const told = async (): Promise<string[]> => [
      ...(await metrics.scrape('ptp_scope_gateways')).keys(),
      ...(await metrics.scrape('ptp_collector_up')).keys(),
    ];
    await eventually(async () => (await told()).length === 0, 15_000);
    broker.resume();
  }, 25_000);

  it('shows what JetStream holds', async () => {
    await makeStreams();
    await (await startNode(broker.url, 'n1', 'LOCKED')).close();
    await showsInTime('ptp_stream_messages{stream="KV_ptp_states"}', 1);
    const series = await metrics.scrape();
    expect(series.get('ptp_stream_max_bytes{stream="PTP_EVENTS"}')).toBe(2 ** 26);
    expect(series.get('ptp_stream_last_sequence{stream="KV_ptp_states"}')).toBe(1);
    expect(series.get('ptp_stream_bytes{stream="KV_ptp_states"}')).toBeGreaterThan(0);
    expect(series.get('ptp_jetstream_store_bytes')).toBeGreaterThan(0);
    expect(series.has('ptp_stream_retention_seconds{stream="PTP_EVENTS"}')).toBe(false);
    expect(series.has('ptp_jetstream_store_max_bytes')).toBe(false);
  });

  it('has room for so many nodes only', async () => {
    const small = await startTestMetrics(broker.url, { vars: { MAX_NODES: '2' } });
    try {
      for (const name of ['n1', 'n2', 'n3']) await answerPings(speaker.broker, name);
      await eventually(async () => {
        small.clock.advance({ seconds: 1 });
        return (await small.scrape()).get('ptp_metrics_records_total{outcome="too_many"}') !== 0;
      });
      expect((await small.scrape('ptp_collector_up')).size).toBe(2);
    } finally {
      await small.stop();
    }
  });
});

describe('a metrics service as a process', () => {
  it('waits for the broker, says when it is ready, and ends with 0 on SIGTERM', async () => {
    await broker.kill();
    const service = await spawnMetrics(broker.url);
    const readiness = async (): Promise<number> => (await fetch(`${service.url}/readyz`)).status;
    expect(await readiness()).toBe(503);
    await broker.restart();
    await eventually(async () => (await readiness()) === 200);
    expect((await scrape(service.url)).get('ptp_event_unconfirmed_total')).toBe(0);
    expect(await service.end('SIGTERM')).toBe(0);
  });
});

describe('Prometheus', () => {
  it('scrapes the metrics service: every type by its name, and traces as exemplars', async () => {
    const metrics = await startTestMetrics(broker.url, { clock: systemClock });
    const prometheus = await startPrometheus({ 'ptp-metrics': metrics.port });
    try {
      const traceId = '0af7651916cd43dd8448eb211c80319c';
      await answerPings(speaker.broker, 'n1');
      speaker.latency({ loopMs: 7, traceId, weight: 5, outcome: 'retried' });
      speaker.latency({ outcome: 'never_closed', traceId: traceId.replace('0a', '0b') });
      speaker.gateway();
      const valueOf = async (query: string): Promise<string | undefined> => {
        type Answer = { result: { value: [number, string] }[] };
        const { result } = await prometheus.ask<Answer>('query', { query });
        return result[0]?.value[1];
      };
      await eventually(async () => (await valueOf('ptp_event_deliveries_total{outcome="retried"}')) === '5');
      const within = (le: string): string => `ptp_event_delivery_seconds_bucket{resource="${LOCK}",le="${le}"}`;
      expect(await valueOf(within('0.01'))).toBe('5');
      expect(await valueOf(within('10.0'))).toBe('5');
      expect(await valueOf(within('+Inf'))).toBe('6');
      const canary = `ptp_event_delivery_seconds_count{resource="${bus.canary.path}",traffic="canary"}`;
      expect(await valueOf(canary)).toBe('0');
      expect(await valueOf('ptp_event_unconfirmed_total')).toBe('0');
      expect(await valueOf('ptp_scope_gateways{scope="cluster"}')).toBe('1');
      expect(await valueOf('up{job="ptp-metrics"}')).toBe('1');

      type Exemplars = { exemplars: { labels: { trace_id: string }; value: string }[] }[];
      const day = 86_400;
      const now = Date.now() / 1_000;
      const query = { query: 'ptp_event_delivery_seconds_bucket', start: String(now - day), end: String(now + day) };
      const found = await eventually(async () => {
        const series = await prometheus.ask<Exemplars>('query_exemplars', query);
        const all = series.flatMap(({ exemplars }) => exemplars);
        return all.length === 2 ? all : undefined;
      });
      expect(found.map(({ labels, value }) => `${labels.trace_id.slice(0, 2)} ${value}`).toSorted()).toEqual([
        '0a 0.007',
        '0b 300',
      ]);
      type Targets = { activeTargets: { health: string; lastError: string }[] };
      const { activeTargets } = await prometheus.ask<Targets>('targets');
      expect(activeTargets).toMatchObject([{ health: 'up', lastError: '' }]);
      type Metadata = Record<string, { type: string }[]>;
      const types = await prometheus.ask<Metadata>('metadata');
      expect(types['ptp_event_deliveries']?.[0]?.type).toBe('counter');
      expect(types['ptp_event_delivery_seconds']?.[0]?.type).toBe('histogram');
    } finally {
      await prometheus.close();
      await metrics.stop();
    }
  });
});
