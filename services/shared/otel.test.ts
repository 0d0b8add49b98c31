import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { testDeps } from '../../test/support/services.js';
import { eventually } from '../../test/support/eventually.js';
import { openTracing, readTracingSettings, type SpanFields } from './tracing.js';
import { ConfigError, Env } from './env.js';

interface Exported {
  resourceSpans: { scopeSpans: { spans: Record<string, unknown>[] }[] }[];
}

const fields = (name: string): SpanFields => ({
  name,
  kind: 'producer',
  startMs: 1_700_000_000_000.25,
  attributes: { 'messaging.system': 'nats' },
});

const counted = async (deps: ReturnType<typeof testDeps>): Promise<string> =>
  (await deps.registry.metrics())
    .split('\n')
    .filter((line) => line.startsWith('ptp_spans_total'))
    .join(' ');

describe('tracing', () => {
  let sink: Server;
  let endpoint: string;
  let status = 200;
  const spans: Record<string, unknown>[] = [];

  beforeAll(async () => {
    sink = createServer((req, res) => {
      let text = '';
      req.on('data', (chunk: Buffer) => (text += chunk.toString()));
      req.on('end', () => {
        const { resourceSpans } = JSON.parse(text) as Exported;
        if (status === 200) spans.push(...resourceSpans.flatMap((one) => one.scopeSpans.flatMap((two) => two.spans)));
        res.writeHead(status).end('{}');
      });
    });
    await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve));
    endpoint = `http://127.0.0.1:${(sink.address() as AddressInfo).port}`;
  });
  afterAll(() => new Promise((resolve) => sink.close(resolve)));

  it('loads nothing and makes nothing without an endpoint', async () => {
    expect(await openTracing({ endpoint: undefined, perSecond: 1 }, 'test', testDeps())).toBeUndefined();
  });

  it('sends a trace over two services, to the microsecond, on stop at the latest', async () => {
    const deps = testDeps();
    const tracing = await openTracing({ endpoint, perSecond: 10 }, 'test', deps);
    const root = tracing?.root(fields('create x'));
    const child = tracing?.child(root?.traceparent ?? '', { ...fields('process x'), kind: 'consumer' });
    child?.end(1_700_000_000_003.5, 'answered 503');
    root?.end(1_700_000_000_001);
    await deps.life.stop();

    const [second, first] = spans;
    expect(first).toMatchObject({ name: 'create x', kind: 4, startTimeUnixNano: '1700000000000250000' });
    expect(second).toMatchObject({
      name: 'process x',
      kind: 5,
      traceId: first?.['traceId'],
      parentSpanId: first?.['spanId'],
      status: { code: 2, message: 'answered 503' },
      endTimeUnixNano: '1700000000003500000',
    });
    expect(root?.traceparent).toBe(`00-${String(first?.['traceId'])}-${String(first?.['spanId'])}-01`);
    expect(await counted(deps)).toBe('ptp_spans_total{outcome="exported"} 2');
  });

  it('begins so many traces a second, and none below what is not sampled', async () => {
    const deps = testDeps();
    const tracing = await openTracing({ endpoint, perSecond: 3 }, 'test', deps);
    const roots = Array.from({ length: 5 }, () => tracing?.root(fields('create x')));
    expect(roots.filter((root) => root !== undefined)).toHaveLength(3);
    expect(tracing?.child(`00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`, fields('process x'))).toBeUndefined();
    await deps.life.stop();
  });

  it('counts what the receiver did not take, and what did not fit', async () => {
    const deps = testDeps();
    status = 400;
    const tracing = await openTracing({ endpoint, perSecond: 10_000 }, 'test', deps);
    for (let n = 0; n < 5_000; n += 1) tracing?.root(fields('create x'))?.end(1_700_000_000_001);
    await eventually(async () => (await counted(deps)).includes('failed'));
    await deps.life.stop();
    expect(await counted(deps)).toMatch(/dropped"} 904.*failed"} 4096|failed"} 4096.*dropped"} 904/);
    status = 200;
  });

  it.each(['localhost:4318', 'http://user:secret@host', 'ftp://host'])('does not take %s for an endpoint', (text) => {
    const env = new Env({ OTEL_EXPORTER_OTLP_ENDPOINT: text });
    readTracingSettings(env);
    expect(() => env.check({})).toThrow(ConfigError);
  });
});
