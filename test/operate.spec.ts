import { spawn } from 'node:child_process';
import { jetstreamManager } from '@nats-io/jetstream';
import { Kvm, type KV } from '@nats-io/kv';
import { Svcm } from '@nats-io/services';
import { pino } from 'pino';
import { bus } from '../services/shared/contract/bus.js';
import { ensureStreams } from '../services/shared/streams.js';
import { startBroker, type Broker } from './support/broker.js';
import { startConsumer } from './support/consumer.js';
import { eventually } from './support/eventually.js';
import { connectSpeaker, startTestMetrics, type Speaker, type TestMetrics } from './support/metrics.js';
import { startNode } from './support/node.js';
import { root } from './support/observability.js';
import { startTestGateway, subscribe } from './support/services.js';

const LOCK = '/cluster/node/n1/sync/ptp-status/lock-state';
const UP = 'ptp_collector_up{node="n1"}';
const MAINTAINED = 'ptp_node_maintenance{node="n1"}';

let broker: Broker;
let speaker: Speaker;
let metrics: TestMetrics;
let bucket: (name: keyof typeof bus.buckets) => Promise<KV>;

beforeEach(async () => {
  broker = await startBroker();
  speaker = await connectSpeaker(broker.url);
  const jsm = await jetstreamManager(speaker.broker, { checkAPI: false });
  await ensureStreams(jsm, { replicas: 1, eventsMaxBytes: 2 ** 26 }, { log: pino({ level: 'silent' }) });
  bucket = (name) => new Kvm(jsm.jetstream()).open(bus.buckets[name], { bindOnly: true, allow_direct: true });
  metrics = await startTestMetrics(broker.url);
});
afterEach(async () => {
  await metrics.stop();
  await speaker.close();
  await broker.close();
});

/** Runs the command against this broker, as an operator does. */
async function operate(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const env = { PATH: process.env['PATH'], NATS_URL: broker.url };
  const child = spawn(process.execPath, ['dist/services/operate/main.js', ...args], { cwd: root, env });
  let out = '';
  let err = '';
  child.stdout.on('data', (text: Buffer) => (out += text.toString()));
  child.stderr.on('data', (text: Buffer) => (err += text.toString()));
  return new Promise((resolve) => void child.once('close', (code) => resolve({ code, out, err })));
}

const shows = (series: string, value: number | undefined): Promise<boolean> =>
  eventually(async () => (await metrics.scrape()).get(series) === value);
/** While the time of the metrics service goes on. */
const showsInTime = (series: string, value: number | undefined): Promise<boolean> =>
  eventually(async () => {
    metrics.clock.advance({ seconds: 5 });
    return (await metrics.scrape()).get(series) === value;
  });

describe('a node that is gone for good', () => {
  it('is forgotten with its state, its publishers and its series, at once', async () => {
    const node = await startNode(broker.url, 'n1', 'LOCKED');
    await node.close();
    await showsInTime(UP, 0);
    const publishers = await bucket('publishers');
    await publishers.put('cluster.a', JSON.stringify({ id: 'a', node: 'n1' }));
    await publishers.put('other.b', JSON.stringify({ id: 'b', node: 'n1' }));
    await publishers.put('cluster.c', JSON.stringify({ id: 'c', node: 'n2' }));
    await publishers.put('cluster.d', 'no JSON');

    expect(await operate('forget', 'node', 'n1')).toEqual({
      code: 0,
      out: 'forgot node n1: its state, 2 publishers\n',
      err: '',
    });

    await shows(UP, undefined);
    expect((await (await bucket('states')).get('n1'))?.operation).toBe('DEL');
    expect((await publishers.get('other.b'))?.operation).toBe('DEL');
    expect((await publishers.get('cluster.c'))?.operation).toBe('PUT');
    expect((await publishers.get('cluster.d'))?.operation).toBe('PUT');
  });

  it('is none that nobody ever heard of', async () => {
    expect(await operate('forget', 'node', 'n9')).toEqual({
      code: 1,
      out: '',
      err: 'nothing is stored of a node n9: its name must be the one in its resource addresses\n',
    });
  });

  it('is none that answers', async () => {
    const services = new Svcm(speaker.broker as unknown as ConstructorParameters<typeof Svcm>[0]);
    await services.add({ name: bus.services.collector, version: '1.0.0', metadata: { node: 'n1' } });
    await startNode(broker.url, 'n1', 'LOCKED').then((node) => node.close());
    const { code, err } = await operate('forget', 'node', 'n1');
    expect(code).toBe(1);
    expect(err).toBe('the collector of n1 answers: stop it first, or use maintenance start\n');
    expect((await (await bucket('states')).get('n1'))?.operation).toBe('PUT');
  });
});

describe('a scope that is gone for good', () => {
  const GATEWAYS = 'ptp_scope_gateways{scope="cluster"}';

  it('is forgotten with its subscriptions and its series, but not while a gateway reports', async () => {
    const consumer = await startConsumer();
    const gateway = await startTestGateway(broker.url);
    await subscribe(gateway.api, LOCK, consumer.url);
    await shows(GATEWAYS, 1);
    expect((await operate('forget', 'scope', 'cluster')).err).toBe(
      'a gateway of the scope cluster reports: stop it first\n',
    );

    // With a subscription, somebody misses it: it stays in sight.
    await gateway.stop();
    metrics.clock.advance({ seconds: 16 });
    await shows(GATEWAYS, 0);
    expect(await operate('forget', 'scope', 'cluster')).toEqual({
      code: 0,
      out: 'forgot scope cluster: 1 subscriptions, 0 publishers, its cursor\n',
      err: '',
    });
    await shows(GATEWAYS, undefined);
    await consumer.close();
  });

  it('says so itself when nobody is subscribed, or when it is the sidecar of an application', async () => {
    const consumer = await startConsumer();
    const sidecar = await startTestGateway(broker.url, { GATEWAY_SCOPE: 'app-1' });
    await subscribe(sidecar.api, LOCK, consumer.url);
    const cluster = await startTestGateway(broker.url);
    await shows(GATEWAYS, 1);
    await shows('ptp_scope_gateways{scope="app-1"}', 1);
    await sidecar.stop();
    await cluster.stop();
    await shows(GATEWAYS, undefined);
    await shows('ptp_scope_gateways{scope="app-1"}', undefined);
    await consumer.close();
  });
});

describe('the maintenance of a node', () => {
  it('of a node that is known begins without a question', async () => {
    await startNode(broker.url, 'n1', 'LOCKED').then((node) => node.close());
    expect((await operate('maintenance', 'start', 'n1')).out).toMatch(/^n1: maintenance since 2\S+Z\n$/);
  });

  it('is a series from its start to its end, and is listed', async () => {
    expect((await operate('maintenance')).out).toBe('nobody works on any node\n');
    const started = await operate('maintenance', 'start', 'n1', '--reason', 'new card');
    expect(started.code).toBe(0);
    expect(started.out.split('\n')[1]).toBe('no state is stored of a node n1: is that its name?');
    await shows(MAINTAINED, 1);
    expect((await operate('maintenance')).out).toMatch(/^n1: maintenance since 2\S+Z \(new card\)\n$/);
    expect((await operate('maintenance', 'end', 'n1')).out).toBe('maintenance of n1 has ended\n');
    await shows(MAINTAINED, undefined);
    expect((await operate('maintenance', 'end', 'n1')).out).toBe('n1 was not in maintenance\n');
  });

  it('ends by itself, also in a metrics service that is started in between', async () => {
    const until = new Date(metrics.clock.now() + 3_600_000).toISOString();
    await (await bucket('maintenance')).put('n1', JSON.stringify({ node: 'n1', since: until, until }));
    await (await bucket('maintenance')).put('n2', JSON.stringify({ node: 'n1' }));
    await (await bucket('maintenance')).put('n3', 'no JSON');
    const replica = await startTestMetrics(broker.url);
    await eventually(async () => (await replica.scrape()).get(MAINTAINED) === 1);
    await replica.stop();
    await shows(MAINTAINED, 1);
    metrics.clock.advance({ seconds: 3_600 });
    await shows(MAINTAINED, undefined);
    expect([...(await metrics.scrape('ptp_node_maintenance')).keys()]).toEqual([]);
  });
});

describe('the command', () => {
  it.each([
    [['forget', 'node'], /^a node name such as compute-1\.example\.com is needed, got ""\nSee --help\.\n$/],
    [['forget', 'node', 'a_b'], /got "a_b"/],
    [['forget', 'everything'], /^the commands are forget node, forget scope, .* got "forget everything"/],
    [
      ['maintenance', 'start', 'n1', '--for', 'soon'],
      /^--for must be a duration up to 366d, such as 30min or 2h, got "soon"/,
    ],
    [['maintenance', 'end', 'n1', '--reason', 'x'], /^--for and --reason belong to maintenance start/],
    [['maintenance', '--until', 'x'], /--until/],
    [['forget', 'node', 'n1', 'n2'], /^too many arguments: n2/],
  ])('%j is answered with what would be right', async (args, sentence) => {
    const { code, out, err } = await operate(...args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(sentence);
  });

  it('says that there is no broker, and explains itself', async () => {
    const { code, out } = await operate('--help');
    expect({ code, usage: out.split('\n')[0] }).toEqual({ code: 0, usage: expect.stringMatching(/^Usage: /) });
    await broker.kill();
    const gone = await operate('maintenance');
    expect(gone.code).toBe(1);
    expect(gone.err).toMatch(/^the broker at nats:\S+ cannot be reached: /);
  });
});
