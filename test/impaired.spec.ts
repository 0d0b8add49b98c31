import { DiscardPolicy, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { bus } from '../services/shared/contract/bus.js';
import { startBroker, type Broker } from './support/broker.js';
import { NodeFiles, startTestCollector, type TestCollector } from './support/collector.js';
import { asTimePasses, eventually } from './support/eventually.js';
import { freePort } from './support/ports.js';
import { scrape, startTestMetrics } from './support/metrics.js';
import { startTestGateway } from './support/services.js';

let broker: Broker;

beforeEach(async () => {
  broker = await startBroker();
});
afterEach(() => broker.close());

const look = async (url: string): Promise<{ status: number; lines: string[] }> => {
  const answer = await fetch(`${url}/readyz`);
  return { status: answer.status, lines: (await answer.text()).split('\n') };
};
const impaired = async (url: string, reason: string): Promise<number | undefined> =>
  (await scrape(url)).get(`ptp_service_impaired{reason="${reason}"}`);

const offset = (ns: number): string => `ptp4l[1.1]: [ptp4l.0.config] master offset ${ns} s2 freq -5 path delay 3`;
const FAULT = 'ptp4l[1.2]: [ptp4l.0.config] port 1: SLAVE to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)';

describe('a collector', () => {
  let files: NodeFiles;
  let collector: TestCollector;
  let url: string;

  beforeEach(async () => {
    files = new NodeFiles();
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    collector = await startTestCollector(broker.url, files, { vars: { METRICS_PORT: String(port) } });
  });
  afterEach(async () => {
    await collector.stop();
    files.remove();
  });

  it('whose events the broker does not store says so after half a minute, counts why, and is well again by itself', async () => {
    const admin = await connect({ servers: broker.url });
    const jsm = await jetstreamManager(admin);
    const { config } = await jsm.streams.info(bus.streams.events);
    // As a full store answers: no, and not because of the event.
    await jsm.streams.update(config.name, { ...config, max_msgs: 1, discard: DiscardPolicy.New });
    const daemon = await collector.connect();
    await collector.feed(daemon, offset(7), FAULT);
    const failures = async (): Promise<number> =>
      (await scrape(url)).get('ptp_collector_publish_failures_total{reason="answered"}') ?? NaN;
    expect(await failures()).toBeGreaterThanOrEqual(0);
    await asTimePasses(collector.clock, 1, async () => (await failures()) > 1);
    await asTimePasses(collector.clock, 5, async () => (await look(url)).status === 503);
    const { lines } = await look(url);
    expect(lines[0]).toBe('not ready');
    expect(lines[1]).toMatch(/^events wait for the bus: \d+, the oldest for \d+ s$/);
    expect(await impaired(url, 'events_not_stored')).toBe(1);
    expect(await impaired(url, 'broker_away')).toBe(0);
    const series = await scrape(url);
    expect(series.get('ptp_collector_outbox_oldest_seconds')).toBeGreaterThanOrEqual(30);
    expect(series.get('ptp_collector_outbox_events')).toBeGreaterThan(0);
    expect(series.get('ptp_collector_outbox_limit_events')).toBe(10_000);

    await jsm.streams.update(config.name, config);
    await asTimePasses(collector.clock, 5, async () => (await look(url)).status === 200);
    expect(await look(url)).toEqual({ status: 200, lines: ['OK'] });
    expect(await impaired(url, 'events_not_stored')).toBe(0);
    await admin.close();
  });

  it('without the broker is not ready and says why; with it again it is', async () => {
    expect(await look(url)).toEqual({ status: 200, lines: ['OK'] });
    expect([...(await scrape(url, 'ptp_build_info')).keys()].join()).toContain('service="collector"');
    await broker.kill();
    await eventually(async () => (await look(url)).status === 503);
    expect((await look(url)).lines).toEqual(['not ready', expect.stringMatching(/^the broker at .* is away$/)]);
    expect(await impaired(url, 'broker_away')).toBe(1);
    await broker.restart();
    await eventually(async () => (await look(url)).status === 200);
  });
});

describe('a gateway and a metrics service', () => {
  it('stay ready without the broker, and say why they cannot do all of their work', async () => {
    const gateway = await startTestGateway(broker.url);
    const metrics = await startTestMetrics(broker.url);
    const urls = [gateway.url, `http://127.0.0.1:${metrics.port}`];
    try {
      for (const url of urls) await eventually(async () => (await look(url)).lines.join() === 'OK');
      await broker.kill();
      for (const url of urls) {
        await eventually(async () => (await impaired(url, 'broker_away')) === 1);
        const { status, lines } = await look(url);
        expect(status).toBe(200);
        expect(lines[0]).toBe('OK');
        expect(lines[1]).toMatch(/^the broker at .* is away$/);
      }
      await broker.restart();
      for (const url of urls) await eventually(async () => (await look(url)).lines.join() === 'OK');
    } finally {
      await gateway.stop();
      await metrics.stop();
    }
  });

  it('show build and process in every scrape, as text to a browser', async () => {
    const gateway = await startTestGateway(broker.url);
    const metrics = await startTestMetrics(broker.url);
    const urls = { gateway: gateway.url, metrics: `http://127.0.0.1:${metrics.port}` };
    try {
      for (const [service, url] of Object.entries(urls)) {
        const series = await scrape(url);
        const [build] = [...series.keys()].filter((name) => name.startsWith('ptp_build_info'));
        expect(build).toMatch(
          new RegExp(`version="\\d+\\.\\d+\\.\\d+",node_version="${process.versions.node}",service="${service}"`),
        );
        expect(series.get('process_cpu_seconds_total')).toBeGreaterThan(0);
        expect(series.get('process_resident_memory_bytes')).toBeGreaterThan(1e6);
        expect(series.get('process_start_time_seconds')).toBeGreaterThan(1.6e9);
        expect(series.get('nodejs_heap_size_used_bytes')).toBeGreaterThan(1e6);
        expect(series.get('nodejs_eventloop_time_seconds_total{state="active"}')).toBeGreaterThan(0);

        const browser = await fetch(`${url}/metrics`, {
          headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' },
        });
        expect(browser.headers.get('content-type')).toBe('text/plain; charset=utf-8');
        expect(browser.headers.get('x-content-type-options')).toBe('nosniff');
        const prometheus = await fetch(`${url}/metrics`, {
          headers: { accept: 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1' },
        });
        expect(prometheus.headers.get('content-type')).toMatch(/version=/);
      }
    } finally {
      await gateway.stop();
      await metrics.stop();
    }
  });
});
