import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { bus } from '../services/shared/contract/bus.js';
import { startBroker, type Broker } from './support/broker.js';
import { NODE, NodeFiles, startTestCollector, type TestCollector } from './support/collector.js';
import { eventually } from './support/eventually.js';
import { startPlayedGateway, type PlayedGateway } from './support/playedGateway.js';

const { lockState } = bus.resources;
const LOCK_STATE = '.lock-state';
/** The clock of the test begins at 1000 s. */
const locked = (stamp = '999.500'): string =>
  `ptp4l[${stamp}]: [ptp4l.0.config] master offset 17 s2 freq -5120 path delay 3`;
const free = 'ptp4l[1000.000]: [ptp4l.0.config] master offset 5000 s2 freq -5120 path delay 3';

let broker: Broker;
let files: NodeFiles;
let collector: TestCollector;
let gateway: PlayedGateway;

beforeEach(async () => {
  broker = await startBroker();
  files = new NodeFiles();
  gateway = await startPlayedGateway(broker.url, NODE);
});

afterEach(async () => {
  await collector.stop();
  await gateway.close();
  files.remove();
  await broker.close();
});

/** `name{labels} value` of the collector's own metrics. */
const metric = async (series: string): Promise<number> => {
  const text = await collector.deps.registry.metrics();
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return Number(line?.slice(series.length) ?? NaN);
};

const receipts = (outcome: string): Promise<number> => metric(`ptp_collector_receipts_total{outcome="${outcome}"}`);

/** The receipts that were sent have come. */
async function arrived(outcome: string, count = 1): Promise<void> {
  await eventually(async () => (await receipts(outcome)) >= count);
}

const stored = (): Promise<boolean> => eventually(async () => (await metric('ptp_collector_outbox_events')) === 0);

async function start(vars: Record<string, string> = {}): Promise<void> {
  collector = await startTestCollector(broker.url, files, { vars });
}

describe('an event of the collector', () => {
  it('says how long the collector took, and its receipt closes the loop', async () => {
    await start();
    await collector.feed(await collector.connect(), locked());
    const event = await gateway.read(LOCK_STATE);
    expect(event.stages).toEqual({
      readAtMs: Date.parse('2026-03-01T12:00:00.000Z'),
      sentAtMs: Date.parse('2026-03-01T12:00:00.000Z'),
      emitMs: 500,
      parseMs: 0,
      enqueueMs: 0,
    });
    expect(event.traceparent).toBe('');
    await stored();
    collector.clock.advance({ ms: 2 });
    gateway.tail(event, { receivedAtMs: event.stages.sentAtMs + 0.75, stalledMs: 0.25 });
    await arrived('tail');
    collector.clock.advance({ ms: 4 });
    gateway.deliver(event);
    const record = await eventually(() => gateway.records[0]);
    expect(record).toEqual({
      node: NODE,
      resource: lockState.path,
      traffic: 'event',
      event: event.event.id,
      outcome: 'delivered',
      weight: 1,
      loopMs: 6,
      floorMs: 1.75,
      stages: { emit: 500, parse: 0, enqueue: 0, publish: 0, broker: 0.5, queue: 0.5, retry: 0, post: 1.5 },
      hops: [
        { hop: 'broker', quality: 'derived', ms: 0.75 },
        { hop: 'receipt', quality: 'derived', ms: 1.25 },
        { hop: 'post', quality: 'exact', ms: 1.5 },
      ],
    });
    expect(await metric('ptp_collector_latency_records_total{outcome="sent"}')).toBe(1);
  });

  it.each([3_600_000, -3_600_000])('has the same latency when the wall clock is set by %s ms', async (stepMs) => {
    await start();
    await collector.feed(await collector.connect(), locked());
    const { sentAtMs } = (await gateway.read(LOCK_STATE)).stages;
    collector.clock.stepWallClock(stepMs);
    collector.clock.advance({ ms: 20 });
    await collector.feed(await collector.connect(), free);
    const event = await gateway.read(LOCK_STATE);
    expect(event.stages.sentAtMs).toBe(sentAtMs + 20 + stepMs);
    await stored();
    collector.clock.advance({ ms: 2 });
    // The gateway's clock was not set.
    gateway.tail(event, { receivedAtMs: sentAtMs + 21 });
    await arrived('tail');
    collector.clock.advance({ ms: 4 });
    gateway.deliver(event);
    const record = await eventually(() => gateway.records[0]);
    expect(record).toMatchObject({
      loopMs: 6,
      floorMs: 1.75,
      stages: { emit: 20, parse: 0, enqueue: 0, publish: 0, broker: 2, queue: 0.25, retry: 0, post: 1.5 },
      hops: [
        { hop: 'broker', quality: 'suspect', ms: 2 },
        { hop: 'receipt', quality: 'suspect', ms: 2 },
        { hop: 'post', quality: 'exact', ms: 1.5 },
      ],
    });
  });

  it('that a paused broker holds up has waited there, and nowhere else', async () => {
    await start();
    broker.pause();
    await collector.feed(await collector.connect(), locked());
    collector.clock.advance({ ms: 200 });
    broker.resume();
    const event = await gateway.read(LOCK_STATE);
    await stored();
    gateway.tail(event, { receivedAtMs: event.stages.sentAtMs + 200 });
    gateway.deliver(event, { postMs: 0, queueMs: 0 });
    const { loopMs, floorMs, stages } = await eventually(() => gateway.records[0]);
    expect({ loopMs, floorMs }).toEqual({ loopMs: 200, floorMs: 0 });
    expect(stages).toEqual({ emit: 500, parse: 0, enqueue: 0, publish: 200, broker: 200, queue: 0, retry: 0, post: 0 });
  });

  it('that no line told has no time of emission', async () => {
    files.writeProfile([{ name: 'oc', ptpClockThreshold: { holdOverTimeout: 5 } }]);
    await start();
    const daemon = await collector.connect();
    await collector.feed(
      daemon,
      locked(),
      'ptp4l[1000.000]: [ptp4l.0.config] port 1: SLAVE to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)',
    );
    await gateway.read(LOCK_STATE);
    expect((await gateway.read(LOCK_STATE)).stages.emitMs).toBe(0);
    collector.clock.advance({ seconds: 5 });
    const { event, stages } = await gateway.read(LOCK_STATE);
    expect(event.data?.values[0]?.value).toBe('FREERUN');
    expect(stages).not.toHaveProperty('emitMs');
    expect(stages.parseMs).toBe(0);
  });

  it('that nobody confirms is unconfirmed after 30 s and never closed after 5 min', async () => {
    await start();
    await collector.feed(await collector.connect(), locked());
    const event = await gateway.read(LOCK_STATE);
    gateway.tail(await gateway.read('.sync-state'), { matches: 0 });
    gateway.tail(event, { matches: 3 });
    gateway.deliver(event);
    await Promise.all([arrived('tail', 2), arrived('delivered'), stored()]);
    collector.clock.advance({ seconds: 30 });
    await eventually(() => gateway.records.length === 2);
    collector.clock.advance({ seconds: 270 });
    await eventually(() => gateway.records.length === 3);
    const told = gateway.records.map(({ outcome, weight, event: id }) => [outcome, weight, id]);
    const { id } = event.event;
    expect(told).toEqual([
      ['delivered', 1, id],
      ['unconfirmed', 2, id],
      ['never_closed', 2, id],
    ]);
    expect(await metric('ptp_collector_loops_open{what="events"}')).toBe(0);
  });

  it('is missed when a gateway lives and none has read it', async () => {
    await start();
    await collector.feed(await collector.connect(), locked());
    await Promise.all([gateway.read('.sync-state'), stored()]);
    collector.clock.advance({ seconds: 20 });
    gateway.report();
    // It has come when what was sent behind it has.
    gateway.raw('{}');
    await arrived('malformed');
    collector.clock.advance({ seconds: 10 });
    await eventually(() => gateway.records.length === 2);
    expect(gateway.records.map(({ outcome, weight }) => `${outcome} ${weight}`)).toEqual([
      'unconfirmed 1',
      'unconfirmed 1',
    ]);
  });
});

describe('latency records', () => {
  it('are not kept for a broker that is away, but counted', async () => {
    await start();
    await collector.feed(await collector.connect(), locked());
    const event = await gateway.read(LOCK_STATE);
    gateway.tail(await gateway.read('.sync-state'), { matches: 0 });
    gateway.tail(event, { matches: 2 });
    await Promise.all([arrived('tail', 2), stored()]);
    await broker.kill();
    await eventually(() => {
      collector.clock.advance({ seconds: 30 });
      return metric('ptp_collector_latency_records_total{outcome="dropped"}').then((count) => count === 1);
    });
    await broker.restart();
    // What comes first afterwards is new.
    await eventually(async () => {
      gateway.deliver(event);
      await gateway.flush();
      return gateway.records.length > 0;
    });
    expect(gateway.records[0]?.outcome).toBe('delivered');
  });

  it('come of no garbage, which is counted', async () => {
    await start();
    await collector.feed(await collector.connect(), locked());
    const event = await gateway.read(LOCK_STATE);
    const garbage = ['', 'null', '[]', '{"event":1}', 'x'.repeat(100_000), '\u0000'];
    for (const bytes of garbage) gateway.raw(bytes);
    gateway.deliver(event, { postMs: -1 });
    gateway.deliver(event, { weight: 1e9 });
    gateway.deliver({ ...event, subject: 'ptp.events.compute-2.sync.ptp-status.lock-state' });
    gateway.deliver(event);
    await arrived('delivered');
    await eventually(() => gateway.records.length > 0);
    expect(await receipts('malformed')).toBe(garbage.length + 3);
    expect(gateway.records.map(({ outcome, weight }) => [outcome, weight])).toEqual([['delivered', 1]]);
  });
});

describe('a collector that sends canaries', () => {
  it('sends one now and then, never among the events, and measures them alike', async () => {
    await start({ CANARY: 'true' });
    collector.clock.advance({ seconds: 16 });
    const canary = await gateway.read('ptp.canary.compute-1_example_com');
    expect(JSON.parse(JSON.stringify(canary.event))).toMatchObject({
      type: 'event.canary',
      source: `/cluster/node/${NODE}/canary`,
      data: { values: [{ ResourceAddress: `/cluster/node/${NODE}/canary`, value: 'OK' }] },
    });
    collector.clock.advance({ ms: 3 });
    gateway.tail(canary);
    gateway.deliver(canary);
    const record = await eventually(() => gateway.records[0]);
    expect(record).toMatchObject({ resource: '/canary', traffic: 'canary', outcome: 'delivered' });
    expect(record.loopMs).toBeCloseTo(collector.clock.now() - canary.stages.readAtMs, 1);

    collector.clock.advance({ seconds: 10 });
    const second = await gateway.read('ptp.canary.compute-1_example_com');
    expect(Number(second.event.sequence)).toBeGreaterThan(Number(canary.event.sequence));
    const tool = await connect({ servers: broker.url });
    try {
      const { streams } = await jetstreamManager(tool);
      await eventually(async () => (await streams.info(bus.streams.canary)).state.messages === 2);
      expect((await streams.info(bus.streams.events)).state.messages).toBe(0);
    } finally {
      await tool.close();
    }
  });

  it('keeps one for a broker that is away, not all of them', async () => {
    await start({ CANARY: 'true' });
    await broker.kill();
    await eventually(async () => {
      collector.clock.advance({ seconds: 10 });
      return (await metric('ptp_collector_canaries_total{outcome="made"}')) >= 12;
    });
    const [made, dropped] = [
      await metric('ptp_collector_canaries_total{outcome="made"}'),
      await metric('ptp_collector_canaries_total{outcome="dropped"}'),
    ];
    // One may be on the bus, one has been tried, one waits.
    expect(made - dropped).toBeLessThanOrEqual(3);
    await broker.restart();
    await eventually(() => {
      collector.clock.advance({ seconds: 10 });
      return gateway.events.length > 0;
    });
  });
});

interface Exported {
  resourceSpans: { scopeSpans: { spans: ExportedSpan[] }[] }[];
}

interface ExportedSpan {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: { key: string; value: Record<string, unknown> }[];
}

const operation = (name: string): object => ({
  'messaging.operation.name': name,
  'messaging.operation.type': name,
});

describe('a traced event', () => {
  let sink: Server;
  const spans: ExportedSpan[] = [];

  beforeAll(async () => {
    sink = createServer((req, res) => {
      let text = '';
      req.on('data', (chunk: Buffer) => (text += chunk.toString()));
      req.on('end', () => {
        const { resourceSpans } = JSON.parse(text) as Exported;
        spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)));
        res.writeHead(200).end('{}');
      });
    });
    await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve));
  });

  afterAll(() => new Promise((resolve) => sink.close(resolve)));

  const attributesOf = ({ attributes }: ExportedSpan): Record<string, unknown> =>
    Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));

  it('has its spans: made, sent, and the receipt that came back', async () => {
    const { port } = sink.address() as AddressInfo;
    await start({ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` });
    await collector.feed(await collector.connect(), locked());
    const read = await gateway.read(LOCK_STATE);
    await stored();
    collector.clock.advance({ ms: 2 });
    gateway.tail(read, { receivedAtMs: read.stages.sentAtMs + 0.5 });
    gateway.deliver(read, { outcome: 'retried', retryMs: 0.5 });
    const record = await eventually(() => gateway.records[0]);
    await collector.stop();

    const { event } = read;
    const own = spans.filter(({ traceId }) => traceId === event.traceparent.slice(3, 35));
    const [create, send, receive] = ['create', 'send', 'receive'].map((name) =>
      own.find((span) => span.name.startsWith(`${name} `)),
    );
    if (!create || !send || !receive) throw new Error(`spans are ${own.map(({ name }) => name).join()}`);
    expect(own).toHaveLength(3);
    expect(event.traceparent).toBe(`00-${create.traceId}-${create.spanId}-01`);
    expect(read.traceparent).toBe(`00-${create.traceId}-${send.spanId}-01`);
    expect(record?.traceId).toBe(create.traceId);
    const template = 'ptp.events.{node}.sync.ptp-status.lock-state';
    expect([create, send, receive].map(({ name, kind, parentSpanId }) => [name, kind, parentSpanId])).toEqual([
      [`create ${template}`, 4, undefined],
      [`send ${template}`, 3, create.spanId],
      ['receive ptp.receipts.{node}', 5, create.spanId],
    ]);
    const common = {
      'messaging.system': 'nats',
      'messaging.destination.name': read.subject,
      'messaging.destination.template': template,
      'messaging.message.id': event.id,
      'cloudevents.event_id': event.id,
      'cloudevents.event_type': lockState.type,
      'cloudevents.event_source': `/cluster/node/${NODE}${lockState.path}`,
    };
    expect(attributesOf(create)).toEqual({
      ...common,
      ...operation('create'),
      'ptp.node': NODE,
      'ptp.resource': lockState.path,
      'ptp.state': 'LOCKED',
    });
    expect(attributesOf(send)).toEqual({ ...common, ...operation('send') });
    expect(attributesOf(receive)).toMatchObject({
      ...operation('receive'),
      'messaging.destination.name': 'ptp.receipts.compute-1_example_com',
      'messaging.destination.template': 'ptp.receipts.{node}',
      'messaging.message.id': event.id,
      'cloudevents.event_id': event.id,
      'ptp.subscription.id': 's1',
      'ptp.delivery.outcome': 'retried',
      'ptp.delivery.loop_ms': 2,
      'ptp.delivery.floor_ms': 2.25,
      'ptp.stage.broker_ms': 0.5,
      'ptp.stage.retry_ms': 0.5,
      'ptp.hop.broker_ms': 0.5,
      'ptp.hop.broker_quality': 'derived',
      'ptp.hop.post_quality': 'exact',
    });
    expect(receive.startTimeUnixNano).toBe(receive.endTimeUnixNano);
    expect(BigInt(receive.startTimeUnixNano) - BigInt(create.startTimeUnixNano)).toBe(2_000_000n);
  });
});
