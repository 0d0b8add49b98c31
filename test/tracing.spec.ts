import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { SpanKind } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { openTracing } from '../services/shared/tracing.js';
import { startTracing } from '../services/tracing/app.js';
import { readConfig } from '../services/tracing/config.js';
import type { Delivery } from '../services/tracing/core/journey.js';
import { jsonEncoding } from '../services/tracing/receive/encoding.js';
import { eventually } from './support/eventually.js';
import { FakeClock } from './support/fakeClock.js';
import {
  deliverySpans,
  fromProtobuf,
  newTraceId,
  otlpRequest,
  otlpSpan,
  SUBSCRIPTION,
  toProtobuf,
} from './support/otlp.js';
import { testDeps } from './support/services.js';
import { startBackend, startTestTracing, type TestTracing } from './support/tracing.js';

const MiB = 1_024 * 1_024;
const PROTOBUF = { 'content-type': 'application/x-protobuf' };
const GZIP = { 'content-encoding': 'gzip' };

interface Listed {
  data: { traceID: string; spans: Record<string, unknown>[]; processes: Record<string, unknown> }[];
}

/** As a page shows it. */
const shown = (ms: number | undefined): string => (ms === undefined ? '' : ms.toFixed(3));
const bytesOf = async (answer: Response): Promise<Buffer> => Buffer.from(await answer.arrayBuffer());
const jsonOf = async <T = Record<string, unknown>>(answer: Response | Promise<Response>): Promise<T> =>
  (await (await answer).json()) as T;

describe('the OTLP receiver', () => {
  let clock: FakeClock;
  let tracing: TestTracing;

  beforeEach(async () => {
    clock = new FakeClock();
    tracing = await startTestTracing({}, clock);
  });
  afterEach(() => tracing.stop());

  it.each<[string, (spans: object) => Uint8Array, Record<string, string>]>([
    ['JSON', (spans) => Buffer.from(JSON.stringify(spans)), {}],
    ['JSON, packed', (spans) => gzipSync(JSON.stringify(spans)), GZIP],
    ['protobuf', (spans) => toProtobuf({ ...spans }), PROTOBUF],
    ['protobuf, packed', (spans) => gzipSync(toProtobuf({ ...spans })), { ...PROTOBUF, ...GZIP }],
  ])('takes spans in %s', async (_, encode, headers) => {
    const answer = await tracing.post(encode(otlpRequest([otlpSpan(), otlpSpan()])), headers);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe(headers['content-type'] ?? 'application/json');
    const body = await bytesOf(answer);
    expect(headers['content-type'] ? body.toString('hex') : body.toString()).toBe(headers['content-type'] ? '' : '{}');
    expect(await tracing.metric('ptp_tracing_spans_total{outcome="received"}')).toBe(2);
  });

  it('says which spans it did not take, and takes the others', async () => {
    const request = otlpRequest([otlpSpan({ traceId: 'ab' }), otlpSpan()]);
    expect(await jsonOf(tracing.post(request))).toEqual({
      partialSuccess: { rejectedSpans: '1', errorMessage: '1: trace id is not 16 bytes, or all zero' },
    });
    const answer = await tracing.post(toProtobuf(request), PROTOBUF);
    expect(fromProtobuf('ExportTraceServiceResponse', await bytesOf(answer))).toMatchObject({
      partialSuccess: { rejectedSpans: 1 },
    });
    expect(await tracing.metric('ptp_tracing_spans_total{outcome="rejected"}')).toBe(2);
    expect(await tracing.metric('ptp_tracing_spans_total{outcome="received"}')).toBe(1);
    expect(await tracing.metric('ptp_tracing_spans_total{outcome="duplicate"}')).toBe(1);
  });

  const bomb = gzipSync(Buffer.alloc(64 * MiB));
  it.each<[number, string, Uint8Array | string, Record<string, string>]>([
    [400, 'no JSON', '{', {}],
    [400, 'no request', '[]', {}],
    [400, 'no protobuf', Buffer.from([0x0a, 0xff]), PROTOBUF],
    [400, 'no gzip', '{}', GZIP],
    [400, 'gzip that ends early', gzipSync('{}').subarray(0, -4), GZIP],
    [413, 'too much JSON', Buffer.alloc(4 * MiB + 1, ' '), {}],
    [413, 'too much protobuf', Buffer.alloc(9 * MiB), PROTOBUF],
    [413, 'a bomb', bomb, GZIP],
    [415, 'another type', 'x', { 'content-type': 'text/plain' }],
    [415, 'another packing', 'x', { 'content-encoding': 'br' }],
  ])('answers %d to %s, with a Status in the encoding of the request', async (status, _, body, headers) => {
    const answer = await tracing.post(body, headers);
    expect(answer.status).toBe(status);
    const inProtobuf = headers['content-type'] === PROTOBUF['content-type'];
    expect(answer.headers.get('content-type')).toBe(inProtobuf ? 'application/x-protobuf' : 'application/json');
    const sent = await bytesOf(answer);
    const told = inProtobuf ? fromProtobuf('google.rpc.Status', sent) : JSON.parse(sent.toString());
    expect(told).toEqual({ code: 3, message: expect.stringMatching(/./) });
    expect(await tracing.metric(`ptp_tracing_requests_total{status="${status}"}`)).toBe(1);
    expect((await tracing.post({})).status).toBe(200);
  });

  it('answers 405 with Allow, and 404', async () => {
    const get = await fetch(`${tracing.otlp}/v1/traces`);
    expect([get.status, get.headers.get('allow'), (await jsonOf(get))['code']]).toEqual([405, 'POST', 12]);
    const metrics = await fetch(`${tracing.otlp}/v1/metrics`, { method: 'POST', headers: PROTOBUF, body: '' });
    expect(metrics.status).toBe(404);
    expect(fromProtobuf('google.rpc.Status', await bytesOf(metrics))).toMatchObject({ code: 5 });
  });

  /** Sends a request that never ends; gives what was answered once the connection has ended. */
  function endless(chunk: string): { answer: Promise<string>; soFar: () => string; destroy: () => void } {
    const socket = connect(Number(new URL(tracing.otlp).port), '127.0.0.1');
    let text = '';
    socket.setEncoding('utf8').on('data', (part: string) => (text += part));
    socket.on('error', () => undefined);
    const answer = new Promise<string>((resolve) => socket.once('close', () => resolve(text)));
    const head =
      'POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n';
    socket.write(`${head}${chunk.length.toString(16)}\r\n${chunk}\r\n`);
    return { answer, soFar: () => text, destroy: () => socket.destroy() };
  }

  it('answers 408 to a body that does not end, and ends the connection', async () => {
    const { answer } = endless('{"resource');
    await eventually(() => clock.pending > 1);
    clock.advance({ seconds: 10 });
    expect(await answer).toMatch(/^HTTP\/1\.1 408 [\s\S]*"code":4,"message":"the body must come within 10 s"/);
  });

  it('answers 503 with Retry-After while more is being read than memory has room for', async () => {
    const open = Array.from({ length: 12 }, () => endless(' '.repeat(3 * MiB)));
    const refused = await eventually(() => open.find(({ soFar }) => soFar().includes('"code"'))?.soFar());
    expect(refused).toMatch(/^HTTP\/1\.1 503 [\s\S]*retry-after: 1[\s\S]*"code":14/i);
    expect((await tracing.post(otlpRequest([otlpSpan()]))).status).toBe(200);
    expect(open.filter(({ soFar }) => soFar() === '').length).toBeGreaterThan(6);
    for (const one of open) one.destroy();
  });

  it('takes the spans of our own services', async () => {
    const deps = testDeps();
    const spans = await openTracing({ endpoint: tracing.otlp, perSecond: 10 }, 'collector', deps);
    const root = spans?.root({
      name: 'create ptp.events.{node}.x',
      kind: 'producer',
      startMs: 1_700_000_000_000.25,
      attributes: { 'messaging.message.id': 'event-own', 'ptp.state': 'FREERUN', 'ptp.node': 'compute-1' },
    });
    root?.end(1_700_000_000_001);
    await deps.life.stop();
    const view = await jsonOf(fetch(`${tracing.query}/v1/events/event-own`));
    expect(view).toMatchObject({ event: 'event-own', state: 'FREERUN', node: 'compute-1', interests: ['not_locked'] });
    expect(view['spans']).toMatchObject([
      { service: 'ptp-collector', kind: 'producer', durationMs: expect.closeTo(0.75, 2) },
    ]);
  });

  it.each(['none', 'gzip'] as const)(
    'takes the spans of OpenTelemetry’s protobuf exporter, packed: %s',
    async (packed) => {
      const exporter = new OTLPTraceExporter({ url: `${tracing.otlp}/v1/traces`, compression: packed as never });
      const provider = new BasicTracerProvider({
        resource: resourceFromAttributes({ 'service.name': 'other' }),
        spanProcessors: [new BatchSpanProcessor(exporter)],
      });
      const span = provider.getTracer('t').startSpan('work', {
        kind: SpanKind.SERVER,
        startTime: [1_700_000_000, 250_000],
        attributes: { 'messaging.message.id': 'event-other', list: ['a', 'b'], half: 0.5, whole: 7 },
      });
      span.addEvent('halfway', { n: 1 });
      span.end([1_700_000_000, 1_250_000]);
      await provider.shutdown();
      const { data } = await jsonOf<Listed>(fetch(`${tracing.query}/api/traces/${span.spanContext().traceId}`));
      expect(data[0]?.spans).toMatchObject([
        {
          operationName: 'work',
          startTime: 1_700_000_000_000_250,
          duration: 1_000,
          tags: [
            { key: 'messaging.message.id', type: 'string', value: 'event-other' },
            { key: 'list', type: 'string', value: '["a","b"]' },
            { key: 'half', type: 'float64', value: 0.5 },
            { key: 'whole', type: 'int64', value: 7 },
            { key: 'span.kind', type: 'string', value: 'server' },
            { key: 'otel.scope.name', type: 'string', value: 't' },
          ],
          logs: [
            {
              fields: [
                { key: 'event', value: 'halfway' },
                { key: 'n', value: 1 },
              ],
            },
          ],
        },
      ]);
    },
  );

  it('forwards every valid span, also those it does not keep, and the last ones when it stops', async () => {
    const backend = await startBackend();
    const forwarding = await startTestTracing({ OTLP_FORWARD_ENDPOINT: backend.url, TRACE_KEEP_RATIO: '0' });
    await forwarding.post(otlpRequest([otlpSpan(), otlpSpan({ spanId: 'x' })]));
    await forwarding.post(otlpRequest([otlpSpan()]));
    await forwarding.stop();
    const arrived = backend.requests.flatMap(({ body }) => jsonEncoding.decode(body).spans);
    expect(arrived).toHaveLength(2);
    await backend.close();
  });

  it('does not start on a port that is taken, and says which setting changes it', async () => {
    for (const setting of ['OTLP_PORT', 'QUERY_PORT']) {
      const port = new URL(tracing.query).port;
      const deps = testDeps();
      const config = readConfig({ LISTEN_HOST: '127.0.0.1', OTLP_PORT: '0', QUERY_PORT: '0', [setting]: port });
      await expect(startTracing(config, deps)).rejects.toThrow(`port ${port} is already in use; set ${setting}`);
      await deps.life.stop();
    }
  });
});

describe('the queries of the tracing service', () => {
  const clock = new FakeClock();
  const event = '5d6ad8b6-3b0c-4e37-a9a5-8b8a2f1c7f5e';
  const traceId = newTraceId();
  const HOSTILE = `<script>alert(1)</script>"'&\u0007`;
  let tracing: TestTracing;

  beforeAll(async () => {
    tracing = await startTestTracing({}, clock);
    const { collector, gateway } = deliverySpans({
      event,
      traceId,
      state: 'HOLDOVER',
      postMs: 230,
      receive: { 'ptp.delivery.loop_ms': 240 },
    });
    await tracing.post(otlpRequest(collector, 'ptp-collector'));
    await tracing.post(otlpRequest(gateway, 'ptp-gateway'));
    const hostile = otlpSpan({
      name: HOSTILE,
      tookMs: 150,
      error: HOSTILE,
      attributes: {
        'messaging.message.id': HOSTILE,
        'ptp.node': HOSTILE,
        'ptp.subscription.id': HOSTILE,
        [HOSTILE]: HOSTILE,
      },
    });
    await tracing.post(otlpRequest([hostile], HOSTILE));
    clock.advance({ seconds: 11 });
  });
  afterAll(() => tracing.stop());

  const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${tracing.query}${path}`, { headers });
  const page = async (path: string, status = 200): Promise<string> => {
    const answer = await get(path, { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([status, 'text/html; charset=utf-8']);
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
    const text = await answer.text();
    expect(text).toMatch(/^<!doctype html>/);
    expect(text).not.toMatch(/<script|alert\(1\)<|"'&/);
    expect(text).not.toContain('\u0007');
    return text;
  };

  it('tell the hops of an event’s delivery by its id', async () => {
    const view = await jsonOf(get(`/v1/events/${event}`));
    expect(view).toMatchObject({
      event,
      traceId,
      node: 'compute-1',
      resource: '/sync/ptp-status/lock-state',
      state: 'HOLDOVER',
      totalMs: 240,
      interests: ['slow', 'not_locked'],
      keptFor: 'slow',
      deliveries: [
        {
          subscription: SUBSCRIPTION,
          outcome: 'delivered',
          attempts: 1,
          loopMs: 240,
          coveredMs: 232.5,
          unaccountedMs: 7.5,
          gaps: [{ startMs: 232.5, ms: 7.5 }],
        },
      ],
    });
    const [{ hops }] = view['deliveries'] as [Delivery];
    expect(hops.map(({ hop }) => hop)).toEqual([
      'emit',
      'parse',
      'enqueue',
      'publish',
      'broker',
      'queue',
      'retry',
      'post',
    ]);
    expect(hops.at(-1)).toEqual({
      hop: 'post',
      startMs: 2.5,
      ms: 230,
      quality: 'exact',
      from: 'ptp-gateway',
      to: '10.0.0.7',
    });
    expect(view['spans']).toHaveLength(5);
  });

  it('show the same figures on the page, which add up to the total', async () => {
    const { deliveries } = await jsonOf<{ deliveries: Delivery[] }>(get(`/v1/events/${event}`));
    const text = await page(`/v1/events/${event}`);
    const table = /<h2>To subscription[\s\S]*?<\/table>/.exec(text)?.[0] ?? '';
    const cells = Array.from(table.matchAll(/<tr>([\s\S]*?)<\/tr>/g), ([, row = '']) =>
      Array.from(row.matchAll(/<t[dh][^>]*>([\s\S]*?)<\/t[dh]>/g), ([, cell = '']) => cell.trim()),
    );
    const [delivery] = deliveries as [Delivery];
    const hops = delivery.hops.map(({ hop, startMs, ms }) => [hop, shown(startMs), shown(ms)]);
    expect(cells.slice(1, 9).map(([hop, , , start, took]) => [hop, start, took])).toEqual(hops);
    expect(cells.slice(9).map(([name, ...values]) => [name, values.find((value) => /^[\d.]+$/.test(value))])).toEqual([
      ['in the rows above, overlaps once', shown(delivery.coveredMs)],
      ['not accounted for', shown(delivery.gaps[0]?.startMs)],
      ['total', shown(delivery.totalMs)],
    ]);
    expect(cells[10]?.[2]).toBe(shown(delivery.unaccountedMs));
    expect(delivery.coveredMs + delivery.unaccountedMs).toBeCloseTo(delivery.totalMs, 3);
  });

  it('show it as a page to whoever prefers one', async () => {
    const text = await page(`/v1/events/${event}`);
    expect(text).toContain('230.000');
    expect(text).toContain(SUBSCRIPTION);
    expect((await get(`/v1/events/${event}`, { accept: 'application/json' })).headers.get('vary')).toBe('Accept');
  });

  it('escape whatever strangers send', async () => {
    expect(await page(`/v1/events/${encodeURIComponent(HOSTILE)}`)).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(await page('/')).toContain('&lt;script&gt;');
  });

  it('list the slow ones and the last ones, each with its link', async () => {
    const text = await page('/');
    expect(text.match(new RegExp(`href="/v1/events/${event}"`, 'g'))).toHaveLength(2);
    const found = await fetch(`${tracing.query}/?event=%20${event}`, { redirect: 'manual' });
    expect([found.status, found.headers.get('location')]).toEqual([302, `/v1/events/${event}`]);
  });

  it.each([
    ['/v1/events/unknown', 404, 'event not found'],
    ['/v1/events/%ff', 404, 'event not found'],
    ['/nowhere', 404, 'no such route'],
  ])('answer a problem to %s', async (path, status, title) => {
    const answer = await get(path);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([status, 'application/problem+json']);
    expect(await jsonOf(answer)).toMatchObject({ status, title });
  });

  it('answer a problem as a page to whoever prefers one, as the form for an event does', async () => {
    expect(await page('/v1/events/unknown', 404)).toContain('not traced, not kept, or too old');
    expect(await page('/%3Cscript%3E', 404)).toContain('script');
  });

  it('are not for writing', async () => {
    const answer = await fetch(`${tracing.query}/v1/events/${event}`, { method: 'DELETE' });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'HEAD, GET']);
  });

  it('answer Grafana’s Jaeger data source: services, operations, search, trace', async () => {
    expect((await jsonOf(get('/api/services')))['data']).toEqual([HOSTILE, 'ptp-collector', 'ptp-gateway']);
    const names = (await jsonOf(get('/api/services/ptp-gateway/operations')))['data'];
    expect(names).toEqual(['POST', 'process ptp.events.{node}.sync.ptp-status.lock-state']);
    expect((await jsonOf(get('/api/operations?service=ptp-gateway&spanKind=client')))['data']).toEqual([
      { name: 'POST', spanKind: 'client' },
    ]);
    const query =
      'service=ptp-gateway&operation=POST&minDuration=200ms&limit=20&tags=%7B%22server.address%22%3A%2210.0.0.7%22%7D';
    const found = await jsonOf<Listed>(get(`/api/traces?${query}`));
    const one = await jsonOf<Listed>(get(`/api/traces/${traceId}`));
    expect(found).toEqual(one);
    expect(one).toMatchObject({ total: 0, limit: 0, offset: 0, errors: null });
    const [trace] = one.data;
    expect(trace?.traceID).toBe(traceId);
    expect(trace?.processes).toMatchObject({
      p1: { serviceName: 'ptp-collector' },
      p2: { serviceName: 'ptp-gateway' },
    });
    const process = trace?.spans.find(({ operationName }) => String(operationName).startsWith('process'));
    expect(process).toMatchObject({
      processID: 'p2',
      references: [
        { refType: 'CHILD_OF', traceID: traceId },
        { refType: 'FOLLOWS_FROM', traceID: traceId },
      ],
      startTime: 1_700_000_000_002_000,
      duration: 231_000,
      warnings: null,
      logs: [],
    });
    expect(
      (await jsonOf<Listed>(get(`/api/traces?traceID=${traceId.replace(/^0+/, '')}&traceID=ab`))).data,
    ).toHaveLength(1);
    expect((await jsonOf(get('/api/dependencies?endTs=1&lookback=2')))['data']).toEqual([]);
  });

  it.each([
    ['/api/traces/abcdef', 404, 'trace not found'],
    ['/api/traces/xyz', 400, 'a trace id has up to 32 hex digits'],
    ['/api/traces', 400, "parameter 'service' is required"],
    ['/api/traces?service=x&limit=-1', 400, "unable to parse param 'limit': it must be a whole number"],
    ['/api/operations', 400, "parameter 'service' is required"],
    ['/api/nothing', 404, '/api/nothing is not here'],
  ])('answer %s as Jaeger does: %d', async (path, code, msg) => {
    const answer = await get(path);
    expect(answer.status).toBe(code);
    expect(await jsonOf(answer)).toMatchObject({ data: null, errors: [{ code, msg }] });
  });

  it('have health and metrics', async () => {
    expect([(await get('/livez')).status, (await get('/readyz')).status]).toEqual([200, 200]);
    expect(await (await get('/metrics')).text()).toMatch(
      /^ptp_build_info\{version="[\d.]+",node_version="[\d.]+",service="tracing"\} 1$/m,
    );
    expect(await tracing.metric('ptp_tracing_traces_total{outcome="slow"}')).toBe(1);
    expect(await tracing.metric('ptp_tracing_traces_total{outcome="failed"}')).toBe(1);
    expect(await tracing.metric('ptp_tracing_kept_traces')).toBe(2);
    expect(await tracing.metric('ptp_tracing_memory_bytes')).toBeGreaterThan(5_000);
  });
});
