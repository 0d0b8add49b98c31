import fc from 'fast-check';
import { deliverySpans, newTraceId, otlpRequest, otlpSpan, type TestSpan } from '../../../test/support/otlp.js';
import { jsonEncoding } from '../receive/encoding.js';
import { LONGEST_MS, MAX_SPANS, QUIET_MS, TraceMemory } from './memory.js';
import type { Span } from './span.js';

const MiB = 1_024 * 1_024;

const spansOf = (spans: Record<string, unknown>[], service?: string): Span[] =>
  jsonEncoding.decode(Buffer.from(JSON.stringify(otlpRequest(spans, service)))).spans;
const spanOf = (fields: TestSpan = {}): Span => spansOf([otlpSpan(fields)])[0] as Span;

const memoryOf = ({ bytes = 64 * MiB, ratio = 0 } = {}): TraceMemory => new TraceMemory({ bytes, slowMs: 100, ratio });

/** Uses up what is kept whatever it is. */
function fill(memory: TraceMemory): void {
  for (let n = 0; n < 500; n += 1) memory.add(spanOf(), 0);
  memory.judge(QUIET_MS);
}

describe('the trace memory', () => {
  it.each<[string, TestSpan]>([
    ['failed', { error: 'answered 503' }],
    ['failed', { attributes: { 'ptp.delivery.outcome': 'dead_letter' } }],
    ['failed', { attributes: { 'ptp.delivery.outcome': 'too_old' } }],
    ['retried', { attributes: { 'ptp.delivery.outcome': 'retried' } }],
    ['retried', { attributes: { 'http.request.resend_count': 1 } }],
    ['slow', { tookMs: 100 }],
    ['slow', { name: 'receive x', attributes: { 'ptp.subscription.id': 's', 'ptp.delivery.loop_ms': 100 } }],
    [
      'suspect',
      {
        name: 'receive x',
        attributes: { 'ptp.subscription.id': 's', 'ptp.hop.broker_ms': 1, 'ptp.hop.broker_quality': 'suspect' },
      },
    ],
    ['suspect', { name: 'receive x', attributes: { 'ptp.subscription.id': 's', 'ptp.stage.broker_ms': -1 } }],
    ['not_locked', { attributes: { 'ptp.state': 'HOLDOVER' } }],
    ['not_locked', { attributes: { 'ptp.state': 'FREERUN' } }],
  ])('keeps what %s, however much there is: %j', (reason, fields) => {
    const memory = memoryOf();
    fill(memory);
    const span = spanOf(fields);
    memory.add(span, QUIET_MS);
    memory.judge(2 * QUIET_MS);
    expect(memory.get(span.traceId)?.keptFor).toBe(reason);
  });

  it('keeps everything below 50 traces a second, and a sample of what is above', () => {
    const memory = memoryOf({ ratio: 0.25 });
    for (let second = 0; second < 60; second += 1) {
      for (let n = 0; n < 49; n += 1) memory.add(spanOf(), second * 1_000);
      memory.judge(second * 1_000);
    }
    memory.judge(70_000);
    expect(Object.fromEntries(memory.counts)).toEqual({ below_rate: 60 * 49 });

    for (let n = 0; n < 4_500; n += 1)
      memory.add(
        spanOf({
          traceId: `ab${Math.floor((n * 2 ** 32) / 4_500)
            .toString(16)
            .padStart(30, '0')}`,
        }),
        80_000,
      );
    memory.judge(90_000);
    const { below_rate: below = 0, sample, not_sampled: dropped } = Object.fromEntries(memory.counts);
    expect(below - 60 * 49).toBe(500);
    expect((sample ?? 0) / ((sample ?? 0) + (dropped ?? 0))).toBeLessThan(0.25);
    expect(sample).toBeGreaterThan(500);
  });

  it('judges a trace when it has been quiet, and after a minute at the latest', () => {
    const memory = memoryOf();
    const [quiet, busy] = [newTraceId(), newTraceId()];
    memory.add(spanOf({ traceId: quiet }), 0);
    for (let atMs = 0; atMs < LONGEST_MS; atMs += 5_000) memory.add(spanOf({ traceId: busy }), atMs);
    memory.judge(QUIET_MS - 1);
    expect(memory.openTraces).toBe(2);
    memory.judge(QUIET_MS);
    expect(memory.get(quiet)?.keptFor).toBe('below_rate');
    memory.judge(LONGEST_MS - 1);
    expect(memory.openTraces).toBe(1);
    memory.judge(LONGEST_MS);
    expect([memory.openTraces, memory.keptTraces]).toEqual([0, 2]);
  });

  it('joins late spans to a kept trace, which may be more remarkable then', () => {
    const memory = memoryOf();
    const span = spanOf();
    memory.add(span, 0);
    memory.judge(QUIET_MS);
    memory.add(spanOf({ traceId: span.traceId, error: 'answered 500' }), QUIET_MS + 1);
    const trace = memory.get(span.traceId);
    expect(trace?.spans.size).toBe(2);
    expect(trace && memory.verdictOn(trace).interests).toEqual(['failed']);
  });

  it('finds a trace by its event, and a later trace cannot hide it', () => {
    const memory = memoryOf();
    const { collector } = deliverySpans({ event: 'event-7' });
    for (const span of spansOf(collector)) memory.add(span, 0);
    memory.add(spanOf({ attributes: { 'messaging.message.id': 'event-7' } }), 1);
    expect(memory.ofEvent('event-7')?.id).toBe(collector[0]?.['traceId']);
    expect(memory.ofEvent('event-8')).toBeUndefined();
  });

  it('takes a span once, and so many of a trace', () => {
    const memory = memoryOf();
    const span = spanOf();
    const outcomes = [memory.add(span, 0), memory.add(span, 0)];
    for (let n = 1; n < MAX_SPANS; n += 1) memory.add(spanOf({ traceId: span.traceId }), 0);
    outcomes.push(memory.add(spanOf({ traceId: span.traceId }), 0));
    expect(outcomes).toEqual(['received', 'duplicate', 'dropped']);
    expect(memory.get(span.traceId)).toMatchObject({ lost: 1 });
    expect(memory.get(span.traceId)?.spans.size).toBe(MAX_SPANS);
  });

  it('lets the oldest go when it is full, with their events', () => {
    const memory = memoryOf({ bytes: 20_000 });
    const ids = Array.from({ length: 50 }, () => newTraceId());
    for (const [n, traceId] of ids.entries()) {
      memory.add(spanOf({ traceId, attributes: { 'messaging.message.id': `event-${n}` } }), n);
    }
    const left = ids.filter((traceId) => memory.get(traceId) !== undefined);
    expect(left).toEqual(ids.slice(-left.length));
    expect(left.length).toBeGreaterThan(3);
    expect(memory.counts.get('evicted')).toBe(50 - left.length);
    expect(memory.ofEvent('event-0')).toBeUndefined();
    expect(memory.ofEvent('event-49')?.id).toBe(ids[49]);
    expect(memory.newestFirst().map(({ id }) => id)).toEqual(left.toReversed());
  });

  it('never takes more memory than its limit, and counts it right, whatever comes and goes', () => {
    const step = fc.record({
      trace: fc.integer({ min: 0, max: 12 }),
      event: fc.integer({ min: 0, max: 6 }),
      length: fc.integer({ min: 0, max: 9_000 }),
      afterMs: fc.integer({ min: 0, max: 8_000 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const memory = memoryOf({ bytes: 25_000 });
        let nowMs = 0;
        for (const { trace, event, length, afterMs } of steps) {
          const traceId = `ffff${String(trace).padStart(28, '0')}`;
          const attributes = { 'messaging.message.id': `event-${event}`, x: 'x'.repeat(length) };
          memory.add(spanOf({ traceId, attributes }), (nowMs += afterMs));
          memory.judge(nowMs);
          expect(memory.bytes).toBeLessThanOrEqual(25_000);
          expect(memory.bytes).toBe(memory.newestFirst().reduce((sum, { bytes }) => sum + bytes, 0));
          expect(memory.openTraces + memory.keptTraces).toBe(memory.newestFirst().length);
          for (const one of memory.newestFirst()) {
            for (const id of one.events) expect(memory.ofEvent(id)).toBe(one);
          }
        }
      }),
      { numRuns: 50 },
    );
  });
});
