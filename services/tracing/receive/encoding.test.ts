import fc from 'fast-check';
import {
  deliverySpans,
  fromProtobuf,
  otlpRequest,
  otlpSpan,
  toProtobuf,
  type TestSpan,
} from '../../../test/support/otlp.js';
import { Malformed } from '../core/decode.js';
import { encodingOf, jsonEncoding, protobufEncoding, type Encoding, type Export } from './encoding.js';

const inJson = (request: object): Buffer => Buffer.from(JSON.stringify(request));
const decodeJson = (...spans: Record<string, unknown>[]): Export => jsonEncoding.decode(inJson(otlpRequest(spans)));
const encodings = [['JSON', jsonEncoding, inJson] as const, ['protobuf', protobufEncoding, toProtobuf] as const];

const attribute = (value: unknown): object => ({ key: 'k', value });
const withAttribute = (value: unknown): Record<string, unknown> =>
  otlpSpan({ more: { attributes: [attribute(value)] } });
const nested = (depth: number): object =>
  depth === 0 ? { stringValue: 'x' } : { arrayValue: { values: [nested(depth - 1)] } };

describe.each(encodings)('a request in %s', (_, encoding, encode) => {
  it('gives spans with what they were sent with', () => {
    const span = otlpSpan({
      traceId: '0AF7651916CD43DD8448EB211C80319C',
      spanId: 'B7AD6B7169203331',
      parentSpanId: '00f067aa0ba902b7',
      name: 'process ptp.events.{node}',
      kind: 5,
      atMs: 0.25,
      tookMs: 1.5,
      error: 'answered 503',
      attributes: { text: 'ü✓', yes: true, whole: -5, half: 0.5 },
      links: [{ traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }],
      more: {
        events: [{ name: 'e', timeUnixNano: '1700000000000000000', attributes: [attribute({ stringValue: 'v' })] }],
      },
    });
    const [decoded] = encoding.decode(encode(otlpRequest([span]))).spans;
    expect(decoded).toMatchObject({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      parentSpanId: '00f067aa0ba902b7',
      name: 'process ptp.events.{node}',
      kind: 'consumer',
      status: 'error',
      statusMessage: 'answered 503',
      scope: 'test',
      resource: { service: 'ptp-collector', instance: 'ptp-collector-1' },
      links: [{ traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }],
    });
    expect(decoded?.startMs).toBeCloseTo(1_700_000_000_000.25, 3);
    expect(decoded?.endMs).toBeCloseTo(1_700_000_000_001.75, 3);
    expect([...(decoded?.attributes ?? [])]).toEqual([
      ['text', 'ü✓'],
      ['yes', true],
      ['whole', -5],
      ['half', 0.5],
    ]);
    expect(decoded?.events[0]).toMatchObject({ name: 'e', atMs: 1_700_000_000_000 });
  });

  it.each<[string, object, string | number | boolean]>([
    ['a large integer', { intValue: '9223372036854775807' }, '9223372036854775807'],
    ['a negative integer', { intValue: '-9223372036854775808' }, '-9223372036854775808'],
    ['a list', { arrayValue: { values: [{ intValue: '1' }, { stringValue: 'a' }] } }, '[1,"a"]'],
    ['a key-value list', { kvlistValue: { values: [attribute({ boolValue: true })] } }, '{"k":true}'],
    ['bytes', { bytesValue: 'AAEC' }, 'AAEC'],
    ['nothing', {}, ''],
    ['what is no number', { doubleValue: 'NaN' }, 'NaN'],
    ['an empty text', { stringValue: '' }, ''],
  ])('keeps %s', (__, sent, kept) => {
    const { spans } = encoding.decode(encode(otlpRequest([withAttribute(sent)])));
    expect(spans[0]?.attributes.get('k')).toBe(kept);
  });

  it.each<[string, TestSpan]>([
    ['a short trace id', { traceId: 'abcd' }],
    ['a long trace id', { traceId: 'ab'.repeat(17) }],
    ['no trace id', { traceId: '' }],
    ['a trace id of zeros', { traceId: '0'.repeat(32) }],
    ['a short span id', { spanId: 'abcd' }],
    ['a span id of zeros', { spanId: '0'.repeat(16) }],
    ['a parent id of another length', { parentSpanId: 'abcd' }],
    ['no start', { more: { startTimeUnixNano: 0 } }],
    ['no end', { more: { endTimeUnixNano: 0 } }],
    ['a link without a span', { links: [{ traceId: 'ab'.repeat(16), spanId: '' }] }],
    ['too many attributes', { attributes: Object.fromEntries(Array.from({ length: 129 }, (__, n) => [`k${n}`, n])) }],
    ['too long an attribute', { attributes: { k: 'x'.repeat(70_000) } }],
    ['too deep an attribute', { more: { attributes: [attribute(nested(12))] } }],
  ])('rejects a span with %s, and takes the others', (__, fields) => {
    const good = otlpSpan();
    const request = encoding.decode(encode(otlpRequest([otlpSpan(fields), good, otlpSpan(fields)])));
    expect(request.spans.map(({ spanId }) => spanId)).toEqual([good['spanId']]);
    expect([...request.rejected.values()]).toEqual([2]);
    // What goes on to another receiver is the good one alone.
    const again = encoding.decode(encoding.join([request.piece()]));
    expect(again.rejected.size).toBe(0);
    expect(again.spans).toEqual(request.spans);
  });

  it('joins requests to one', () => {
    const { collector, gateway } = deliverySpans();
    const pieces = [collector, gateway].map((spans) => encoding.decode(encode(otlpRequest(spans))).piece());
    expect(encoding.decode(encoding.join(pieces)).spans).toHaveLength(4);
  });

  it('may be empty', () => {
    expect(encoding.decode(encode({})).spans).toEqual([]);
    expect(encoding.decode(encode({ resourceSpans: [{ scopeSpans: [{}] }] })).spans).toEqual([]);
  });

  it('is refused where it ends early, or is taken for what is left of it', () => {
    const body = encode(otlpRequest(deliverySpans().gateway));
    for (let end = 1; end < body.length; end += 7) onlyMalformed(encoding, body.subarray(0, end));
    expect(() => encoding.decode(body.subarray(0, body.length - 3))).toThrow(Malformed);
  });

  it('is refused or taken, whatever its bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => onlyMalformed(encoding, Buffer.from(bytes))));
  });

  it('is refused or taken, whichever of its bytes are changed', () => {
    const body = encode(otlpRequest(deliverySpans().gateway));
    const changes = fc.array(fc.tuple(fc.nat(body.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(changes, (all) => {
        const changed = Buffer.from(body);
        for (const [at, value] of all) changed[at] = value;
        onlyMalformed(encoding, changed);
      }),
      { numRuns: 500 },
    );
  });
});

/** Decodes, or throws Malformed and nothing else. */
function onlyMalformed(encoding: Encoding, body: Buffer): void {
  try {
    const request = encoding.decode(body);
    encoding.decode(encoding.join([request.piece()]));
  } catch (err) {
    if (!(err instanceof Malformed)) throw err;
  }
}

describe('a request in JSON', () => {
  it('may have integers as numbers, and members that nobody knows', () => {
    const span = otlpSpan({
      more: { startTimeUnixNano: 1_700_000_000_000_000_000, endTimeUnixNano: 1.7e18, new: [{}] },
    });
    const request = otlpRequest([span]);
    const { spans } = jsonEncoding.decode(inJson({ ...request, version: 2 }));
    expect(spans[0]?.startMs).toBe(1_700_000_000_000);
  });

  it.each([
    ['no JSON', '{"resourceSpans":'],
    ['no object', '[]'],
    ['resourceSpans that are no list', '{"resourceSpans":{}}'],
    ['a resourceSpans that is no object', '{"resourceSpans":[1]}'],
    ['spans that are no list', '{"resourceSpans":[{"scopeSpans":[{"spans":1}]}]}'],
  ])('is refused when it has %s', (_, text) => {
    expect(() => jsonEncoding.decode(Buffer.from(text))).toThrow(Malformed);
  });

  it.each<[string, unknown]>([
    ['a span that is no object', 'span'],
    ['a kind that cannot be converted', { ...otlpSpan(), name: 5, kind: { toString: 1 } }],
    ['an attribute that is no object', otlpSpan({ more: { attributes: ['x'] } })],
    ['attributes that are no list', otlpSpan({ more: { attributes: {} } })],
    ['a text that is none', withAttribute({ stringValue: {} })],
    ['an integer that is none', withAttribute({ intValue: '1e9' })],
    ['a time that is none', otlpSpan({ more: { startTimeUnixNano: '-5' } })],
    ['a time beyond all times', otlpSpan({ more: { endTimeUnixNano: 1e300 } })],
  ])('rejects %s', (_, span) => {
    expect(decodeJson(span as Record<string, unknown>)).toMatchObject({
      spans: [],
      rejected: new Map([[expect.any(String), 1]]),
    });
  });

  it('takes any JSON, or refuses it', () => {
    const keys = [
      'resourceSpans',
      'scopeSpans',
      'spans',
      'resource',
      'attributes',
      'traceId',
      'key',
      'value',
      'arrayValue',
    ];
    const json: fc.Arbitrary<unknown> = fc.jsonValue({ maxDepth: 4 });
    const key = fc.constantFrom(...keys, '__proto__', 'stringValue');
    const near: fc.Memo<unknown> = fc.memo((depth) =>
      depth <= 1
        ? json
        : fc.oneof(fc.dictionary(key, near(depth - 1), { maxKeys: 4 }), fc.array(near(depth - 1), { maxLength: 3 })),
    );
    fc.assert(
      fc.property(fc.oneof(json, near(7)), (value) => onlyMalformed(jsonEncoding, Buffer.from(JSON.stringify(value)))),
    );
  });

  it('is refused when it is nested so deeply that it cannot be handed on', () => {
    const deep = '['.repeat(500_000) + ']'.repeat(500_000);
    const request = jsonEncoding.decode(Buffer.from(`{"resourceSpans":[{"new":${deep}}]}`));
    expect(() => request.piece()).toThrow(Malformed);
  });

  it('may be nested deeply', () => {
    onlyMalformed(jsonEncoding, Buffer.from('['.repeat(1_000_000)));
    onlyMalformed(jsonEncoding, Buffer.from('['.repeat(500_000) + ']'.repeat(500_000)));
  });
});

/** A field of protobuf that holds a message. */
const wrapped = (tag: number, content: Buffer): Buffer => {
  const length: number[] = [];
  let rest = content.length;
  for (; rest > 127; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128);
  return Buffer.concat([Buffer.from([tag, ...length, rest]), content]);
};

describe('a request in protobuf', () => {
  it('is refused when it has more messages than memory has room for', () => {
    const spans = Buffer.from([0x12, 0].flatMap((byte) => [byte]))
      .toString('latin1')
      .repeat(300_000);
    const body = wrapped(0x0a, wrapped(0x12, Buffer.from(spans, 'latin1')));
    expect(() => protobufEncoding.decode(body)).toThrow(/more than 250000 messages/);
  });

  it('is refused when it is nested too deeply', () => {
    let value: Buffer = Buffer.alloc(0);
    for (let n = 0; n < 5_000; n += 1) value = wrapped(0x2a, wrapped(0x0a, value));
    const span = wrapped(0x4a, wrapped(0x12, value));
    const body = wrapped(0x0a, wrapped(0x12, wrapped(0x12, span)));
    expect(() => protobufEncoding.decode(body)).toThrow(Malformed);
  });
});

describe('an answer', () => {
  it('is in the encoding of the request', () => {
    const partial = { rejectedSpans: 2, errorMessage: 'why' };
    expect(JSON.parse(jsonEncoding.response(partial).toString())).toEqual({
      partialSuccess: { rejectedSpans: '2', errorMessage: 'why' },
    });
    expect(fromProtobuf('ExportTraceServiceResponse', protobufEncoding.response(partial))).toEqual({
      partialSuccess: partial,
    });
    expect(jsonEncoding.response(undefined).toString()).toBe('{}');
    expect(protobufEncoding.response(undefined)).toHaveLength(0);
    expect(fromProtobuf('google.rpc.Status', protobufEncoding.status({ code: 3, message: 'm' }))).toEqual({
      code: 3,
      message: 'm',
    });
  });

  it.each([
    ['application/json', jsonEncoding],
    ['Application/JSON; charset=utf-8', jsonEncoding],
    ['application/x-protobuf', protobufEncoding],
    ['text/plain', undefined],
    ['', undefined],
  ])('to %s is known by it', (type, encoding) => {
    expect(encodingOf(type)).toBe(encoding);
  });
});
