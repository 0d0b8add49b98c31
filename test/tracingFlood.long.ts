import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { eventually } from './support/eventually.js';
import { deliverySpans, otlpRequest, otlpSpan, toProtobuf } from './support/otlp.js';
import { floodWithSpans } from './support/spanFlood.js';
import { metricOf, postSpans, spawnTracing, type TracingProcess } from './support/tracing.js';

const MiB = 1_024 * 1_024;
const megabytes = Number(process.env['STRESS_MEGABYTES'] ?? 100);
/** Resident memory: Node itself takes 60, the traces' 64 are estimated, and the rest is what V8 has not collected yet. */
const RSS_LIMIT = 512 * MiB;

/** So much of a request as has come. */
const cut = (whole: Buffer) => fc.nat(whole.length).map((end) => whole.subarray(0, end));

/** A request in JSON with so many equal members where spans are expected. */
const withMembers = (unit: string, count: number): string =>
  `{"resourceSpans":[{"scopeSpans":[{"spans":[${unit.repeat(count)}0]}]}]}`;

const HEAD = 'POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';
/** A chunk of a chunked body. */
const block = (bytes: number): string => `${bytes.toString(16)}\r\n${' '.repeat(bytes)}\r\n`;
/** The status of what was answered so far; empty when nothing was. */
const statusOf = ({ answer }: { answer: () => string }): string => answer().slice(9, 12);

describe('a tracing service', () => {
  let tracing: TracingProcess;

  beforeEach(async () => {
    tracing = await spawnTracing();
  });
  afterEach(async () => {
    expect(await tracing.end('SIGTERM')).toBe(0);
  });

  it(
    `takes ${megabytes} MB of spans in bounded memory, and knows the last ones`,
    async () => {
      const startedMs = performance.now();
      const { spans, lastEvent } = await floodWithSpans(tracing.otlp, megabytes * 1e6);
      const tookMs = Math.round(performance.now() - startedMs);
      const peakMiB = Math.round(tracing.memory().peak / MiB);
      process.stdout.write(`tracing: ${JSON.stringify({ megabytes, spans, tookMs, peakMiB })}\n`);
      expect(await metricOf(tracing.query, 'ptp_tracing_spans_total{outcome="received"}')).toBe(spans);
      expect(await metricOf(tracing.query, 'ptp_tracing_memory_bytes')).toBeLessThanOrEqual(64 * MiB);
      expect(tracing.memory().peak).toBeLessThan(RSS_LIMIT);
      const found = await fetch(`${tracing.query}/v1/events/${lastEvent}`);
      expect(((await found.json()) as { spans: unknown[] }).spans).toHaveLength(5);
    },
    60_000 + megabytes * 1_000,
  );

  it('answers garbage with the right status, in bounded memory', async () => {
    const json = Buffer.from(JSON.stringify(otlpRequest(deliverySpans().collector)));
    const protobuf = toProtobuf(otlpRequest(deliverySpans().gateway));
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 2_000 }).map((bytes) => Buffer.from(bytes)),
      fc.json().map((text) => Buffer.from(text)),
      ...[json, protobuf, gzipSync(json), gzipSync(protobuf)].map(cut),
    );
    const headers = fc.record(
      {
        'content-type': fc.constantFrom('application/json', 'application/x-protobuf', 'text/plain'),
        'content-encoding': fc.constantFrom('gzip', 'identity', 'br'),
      },
      { requiredKeys: ['content-type'] },
    );
    await fc.assert(
      fc.asyncProperty(garbage, headers, async (body, types) => {
        const answer = await postSpans(tracing.otlp, body, types);
        const length = (await answer.arrayBuffer()).byteLength;
        expect([200, 400, 415]).toContain(answer.status);
        expect(length > 0 || types['content-type'] === 'application/x-protobuf').toBe(true);
      }),
      { numRuns: 150 },
    );
    expect((await postSpans(tracing.otlp, json)).status).toBe(200);
    expect(await metricOf(tracing.query, 'ptp_tracing_requests_total{status="500"}')).toBe(0);
  });

  it('is not blown up by what is small on its way', async () => {
    const emptySpan = { resourceSpans: [{ scopeSpans: [{ spans: Array.from({ length: 240_000 }, () => ({})) }] }] };
    const bombs: [status: number, body: Buffer | string, headers?: Record<string, string>][] = [
      [200, withMembers('{},', 240_000)],
      [200, withMembers('[],', 240_000)],
      [400, withMembers('{},', 1_300_000)],
      [400, '['.repeat(4 * MiB)],
      [200, `{"new":[${'"x",'.repeat(MiB - 10)}0]}`],
      [200, toProtobuf(emptySpan), { 'content-type': 'application/x-protobuf' }],
      [413, gzipSync(Buffer.alloc(64 * MiB, ' ')), { 'content-encoding': 'gzip' }],
    ];
    for (const [status, body, headers] of bombs) {
      const answer = await postSpans(tracing.otlp, body, headers);
      expect([answer.status, (await answer.arrayBuffer()).byteLength > 0]).toEqual([status, true]);
    }
    expect(tracing.memory().peak).toBeLessThan(RSS_LIMIT);
  });

  it('serves others while requests never end', async () => {
    const sockets: Socket[] = [];
    const open = (head: string): { socket: Socket; answer: () => string } => {
      const socket = connect(tracing.otlpPort, '127.0.0.1');
      let text = '';
      socket.setEncoding('utf8').on('data', (part: string) => (text += part));
      socket.on('error', () => undefined);
      socket.write(head);
      sockets.push(socket);
      return { socket, answer: () => text };
    };
    const headless = Array.from({ length: 100 }, () => open(HEAD));
    const stalled = Array.from({ length: 100 }, () =>
      open(`${HEAD}transfer-encoding: chunked\r\n\r\n${block(200_000)}`),
    );
    const endless = Array.from({ length: 20 }, () => open(`${HEAD}transfer-encoding: chunked\r\n\r\n`));
    for (const { socket } of endless) {
      const more = (): void => {
        while (socket.writable && socket.write(block(65_536)));
      };
      socket.on('drain', more);
      more();
    }
    try {
      // Who goes on and on is answered, and cut off: an answer that has not been read by then goes with the connection.
      await eventually(() => endless.every(({ socket }) => socket.closed));
      const answers = endless.map(statusOf).filter((status) => status !== '');
      expect(answers.length).toBeGreaterThan(0);
      for (const status of answers) expect(['408', '413', '503']).toContain(status);
      await eventually(async () => (await postSpans(tracing.otlp, otlpRequest([otlpSpan()]))).status === 200);
      expect((await fetch(`${tracing.query}/`)).status).toBe(200);
      for (const one of stalled) expect(['', '408', '503']).toContain(statusOf(one));
      await eventually(() => headless.every((one) => statusOf(one) === '408'));
      expect(tracing.memory().peak).toBeLessThan(RSS_LIMIT);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });
});
