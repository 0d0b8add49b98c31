import { pino } from 'pino';
import { eventually } from '../../../test/support/eventually.js';
import { FakeClock } from '../../../test/support/fakeClock.js';
import { otlpRequest, otlpSpan, toProtobuf } from '../../../test/support/otlp.js';
import { startBackend, type Backend } from '../../../test/support/tracing.js';
import { jsonEncoding, protobufEncoding, type Encoding, type Export } from '../receive/encoding.js';
import { Forwarder, retryAfterMs } from './forwarder.js';

const MiB = 1_024 * 1_024;
const request = (spans = 1, encoding: Encoding = jsonEncoding): Export => {
  const sent = otlpRequest(Array.from({ length: spans }, () => otlpSpan()));
  return encoding.decode(encoding === jsonEncoding ? Buffer.from(JSON.stringify(sent)) : toProtobuf(sent));
};

describe('forwarding', () => {
  let backend: Backend;
  let clock: FakeClock;
  let forwarder: Forwarder;
  let counts: Record<string, number>;

  beforeEach(async () => {
    backend = await startBackend();
    clock = new FakeClock();
    counts = {};
    forwarder = start();
  });
  afterEach(async () => {
    await stopped();
    await backend.close();
  });

  const start = (queueBytes = 16 * MiB): Forwarder =>
    new Forwarder(
      { url: new URL(`${backend.url}/base/v1/traces`), headers: { authorization: 'Bearer secret' }, queueBytes },
      {
        clock,
        log: pino({ level: 'silent' }),
        count: (outcome, spans) => (counts[outcome] = (counts[outcome] ?? 0) + spans),
        random: () => 1,
      },
    );
  /** The two seconds that it waits for a silent backend pass at once. */
  const stopped = async (): Promise<void> => {
    const end = forwarder.stop();
    clock.advance({ seconds: 2 });
    await end;
  };
  const counted = (outcome: string): Promise<number> => eventually(() => counts[outcome]);
  const arrived = (encoding: Encoding, n: number) => encoding.decode(backend.requests[n]?.body ?? Buffer.alloc(0));

  it.each([
    ['JSON', jsonEncoding],
    ['protobuf', protobufEncoding],
  ])('sends what came in %s as it came, with the headers', async (_, encoding) => {
    const sent = request(2, encoding);
    forwarder.add(encoding, sent);
    expect(await counted('sent')).toBe(2);
    expect(backend.requests[0]).toMatchObject({
      path: '/base/v1/traces',
      headers: { 'content-type': encoding.contentType, authorization: 'Bearer secret' },
    });
    expect(arrived(encoding, 0).spans).toEqual(sent.spans);
    expect(forwarder.queuedBytes).toBe(0);
  });

  it('joins what waits, each encoding for itself, in order', async () => {
    backend.answer = { status: 503 };
    forwarder.add(jsonEncoding, request(1));
    await eventually(() => backend.requests.length === 1);
    forwarder.add(jsonEncoding, request(2));
    forwarder.add(jsonEncoding, request(3));
    forwarder.add(protobufEncoding, request(4, protobufEncoding));
    backend.answer = { status: 200 };
    await eventually(() => {
      clock.advance({ seconds: 1 });
      return counts['sent'] === 10;
    });
    const [again, joined, protobuf] = backend.requests.slice(-3);
    expect(again?.body).toEqual(backend.requests[0]?.body);
    expect(jsonEncoding.decode(joined?.body ?? Buffer.alloc(0)).spans).toHaveLength(5);
    expect(protobufEncoding.decode(protobuf?.body ?? Buffer.alloc(0)).spans).toHaveLength(4);
  });

  it.each([429, 502, 503, 504])('tries again after %d, when the backend asks for it', async (status) => {
    backend.answer = { status, headers: { 'retry-after': '7' } };
    forwarder.add(jsonEncoding, request());
    await eventually(() => backend.requests.length === 1);
    backend.answer = { status: 200 };
    // The answer has to have been read before the clock goes on.
    await eventually(() => clock.pending > 0);
    clock.advance({ ms: 6_999 });
    expect(clock.pending).toBe(1);
    clock.advance({ ms: 1 });
    expect(await counted('sent')).toBe(1);
    expect(backend.requests).toHaveLength(2);
  });

  it('tries again when nobody listens there', async () => {
    const { url } = backend;
    await backend.close();
    forwarder.add(jsonEncoding, request());
    await eventually(() => clock.pending > 0);
    expect(counts).toEqual({});
    backend = await startBackend();
    expect(backend.url).not.toBe(url);
  });

  it.each([400, 401, 404, 413, 500])('does not try again after %d', async (status) => {
    backend.answer = { status };
    forwarder.add(jsonEncoding, request(3));
    expect(await counted('failed')).toBe(3);
    backend.answer = { status: 200 };
    forwarder.add(jsonEncoding, request());
    expect(await counted('sent')).toBe(1);
  });

  it('holds no more than the queue has room for', async () => {
    await stopped();
    forwarder = start(MiB);
    backend.answer = 'silence';
    const big = request(1_000);
    for (let n = 0; n < 10; n += 1) {
      forwarder.add(jsonEncoding, big);
      expect(forwarder.queuedBytes).toBeLessThanOrEqual(MiB);
    }
    expect(counts['dropped']).toBeGreaterThan(4_000);
  });

  it('sends what waits when it stops', async () => {
    for (let n = 0; n < 3; n += 1) forwarder.add(jsonEncoding, request());
    await forwarder.stop();
    expect(counts).toEqual({ sent: 3 });
  });

  it('gives up after 2 s when it stops and the backend is silent', async () => {
    backend.answer = 'silence';
    forwarder.add(jsonEncoding, request());
    await eventually(() => backend.requests.length === 1);
    forwarder.add(jsonEncoding, request(4));
    await stopped();
    expect(counts).toEqual({ dropped: 5 });
  });
});

describe('Retry-After', () => {
  const now = Date.parse('2026-03-01T12:00:00Z');
  it.each([
    ['5', 5_000],
    ['Sun, 01 Mar 2026 12:00:09 GMT', 9_000],
    ['Sun, 01 Mar 2026 11:00:00 GMT', 0],
    ['99999999', 300_000],
    ['soon', 0],
    [undefined, 0],
  ])('of %s is %d ms', (header, ms) => {
    expect(retryAfterMs(header, now)).toBe(ms);
  });
});
