import fc from 'fast-check';
import { deliverySpans, otlpRequest, otlpSpan, SUBSCRIPTION } from '../../../test/support/otlp.js';
import { jsonEncoding } from '../receive/encoding.js';
import { deliveriesOf, type Delivery, type HopRow } from './journey.js';
import { Attributes, type Span } from './span.js';

type Options = Parameters<typeof deliverySpans>[0];

const decoded = (spans: Record<string, unknown>[], service: string): Span[] =>
  jsonEncoding.decode(Buffer.from(JSON.stringify(otlpRequest(spans, service)))).spans;

function spansOf(options: Options): Span[] {
  const { collector, gateway } = deliverySpans(options);
  return [...decoded(collector, 'ptp-collector'), ...decoded(gateway, 'ptp-gateway')];
}

const only = (spans: Iterable<Span>): Delivery => {
  const [delivery, ...others] = deliveriesOf(spans);
  expect(others).toEqual([]);
  return delivery as Delivery;
};

const rows = ({ hops }: Delivery): Record<string, [number | undefined, string | undefined]> =>
  Object.fromEntries(
    hops.map(({ hop, ms, quality }) => [hop, [ms === undefined ? ms : Math.round(ms * 1e3) / 1e3, quality]]),
  );

const RECEIVED = {
  'ptp.delivery.loop_ms': 9.5,
  'ptp.delivery.floor_ms': 5.5,
  'ptp.stage.emit_ms': 0.4,
  'ptp.stage.parse_ms': 0.1,
  'ptp.stage.enqueue_ms': 0.2,
  'ptp.stage.publish_ms': 1.2,
  'ptp.stage.broker_ms': 0.9,
  'ptp.stage.queue_ms': 0.3,
  'ptp.stage.retry_ms': 0,
  'ptp.stage.post_ms': 2.1,
  'ptp.hop.broker_ms': 0.9,
  'ptp.hop.broker_quality': 'derived',
};

describe('the hop table of a delivery', () => {
  it('has what the collector measured, where it has closed the loop', () => {
    const delivery = only(spansOf({ receive: RECEIVED }));
    expect(delivery).toMatchObject({
      subscription: SUBSCRIPTION,
      outcome: 'delivered',
      loopMs: 9.5,
      floorMs: 5.5,
      totalMs: 9.5,
      coveredMs: 3.6,
      unaccountedMs: 5.9,
      gaps: [{ startMs: 3.6, ms: 5.9 }],
    });
    expect(rows(delivery)).toEqual({
      emit: [0.4, 'exact'],
      parse: [0.1, 'exact'],
      enqueue: [0.2, 'exact'],
      publish: [1.2, 'exact'],
      broker: [0.9, 'derived'],
      queue: [0.3, 'exact'],
      retry: [0, 'exact'],
      post: [2.1, 'exact'],
    });
  });

  it('has what the times of the spans tell, where it has not', () => {
    const delivery = only(spansOf({}));
    expect(delivery.loopMs).toBeUndefined();
    expect(delivery.totalMs).toBeCloseTo(0.5 + 0.25 + 1.25 + 0.5 + 2, 2);
    expect(rows(delivery)).toEqual({
      emit: [undefined, undefined],
      parse: [0.5, 'exact'],
      enqueue: [0.25, 'exact'],
      publish: [1, 'exact'],
      broker: [1.25, 'derived'],
      queue: [0.5, 'exact'],
      retry: [0, 'exact'],
      post: [2, 'exact'],
    });
  });

  it('names the services that a hop lies between', () => {
    const places = only(spansOf({})).hops.map(({ hop, from, to }): [string, string, string] => [hop, from, to]);
    expect(places).toContainEqual(['broker', 'ptp-collector', 'ptp-gateway']);
    expect(places).toContainEqual(['publish', 'ptp-collector', 'nats']);
    expect(places).toContainEqual(['post', 'ptp-gateway', '10.0.0.7']);
  });

  it.each([-3_600_000, -10])(
    'is suspect, without a figure, where the gateway’s clock is %d ms off',
    (gatewayAheadMs) => {
      const { broker, ...others } = rows(only(spansOf({ gatewayAheadMs })));
      expect(broker).toEqual([undefined, 'suspect']);
      expect(others).toMatchObject({ queue: [0.5, 'exact'], post: [2, 'exact'] });
    },
  );

  it('is suspect where the receipt came back before the gateway had the event', () => {
    const receive = { 'ptp.delivery.loop_ms': 6 };
    const delivery = only(spansOf({ gatewayAheadMs: 3_600_000, receive }));
    expect(rows(delivery)['broker']).toEqual([undefined, 'suspect']);
    expect(delivery.totalMs).toBe(6);
  });

  it('counts once what waited for a gateway that did not look', () => {
    // The hop has the whole way, the stage and the queue have each its part of it.
    const receive = { ...RECEIVED, 'ptp.hop.broker_ms': 4.9, 'ptp.stage.broker_ms': 0.9, 'ptp.stage.queue_ms': 4.3 };
    const delivery = only(spansOf({ receive }));
    expect(rows(delivery)).toMatchObject({ broker: [0.9, 'derived'], queue: [4.3, 'exact'] });
    expect(delivery).toMatchObject({ coveredMs: 7.6, unaccountedMs: 1.9 });
  });

  it('says suspect of what the collector found suspect, and takes no negative figure', () => {
    const receive = {
      ...RECEIVED,
      'ptp.hop.broker_quality': 'suspect',
      'ptp.hop.broker_ms': 4,
      'ptp.stage.queue_ms': -2,
    };
    expect(rows(only(spansOf({ receive })))).toMatchObject({ broker: [4, 'suspect'], queue: [undefined, 'suspect'] });
  });

  it('takes no time from linuxptp to the collector that cannot be: the stamp is of another clock', () => {
    const receive = { ...RECEIVED, 'ptp.stage.emit_ms': 60_001 };
    expect(rows(only(spansOf({ receive })))).toMatchObject({ emit: [undefined, 'suspect'], parse: [0.1, 'exact'] });
  });

  it('has one delivery per subscription', () => {
    const spans = ['a', 'b'].flatMap((subscription) => spansOf({ subscription }));
    expect(deliveriesOf(spans).map(({ subscription }) => subscription)).toEqual(['a', 'b']);
  });

  it('counts the time between two attempts as retry', () => {
    const again = otlpSpan({ name: 'POST', atMs: 100, attributes: { 'ptp.subscription.id': SUBSCRIPTION } });
    const spans = [...spansOf({}), ...decoded([again], 'ptp-gateway')];
    expect(rows(only(spans))).toMatchObject({ retry: [97.5, 'exact'], post: [1, 'exact'] });
  });

  it('never has a negative figure, whatever strangers send', () => {
    const time = fc.double({ min: 0, max: 2e13, noNaN: true });
    const value = fc.oneof(fc.double(), fc.string(), fc.boolean(), fc.constantFrom('exact', 'suspect', 'derived'));
    const key = fc.constantFrom(...Object.keys(RECEIVED), 'ptp.delivery.outcome', 'ptp.delivery.attempts');
    const span = fc.record({
      what: fc.constantFrom('create', 'send', 'process', 'POST', 'receive', 'x'),
      startMs: time,
      endMs: time,
      service: fc.constantFrom('ptp-collector', 'ptp-gateway'),
      extra: fc.array(fc.tuple(key, value), { maxLength: 6 }),
    });
    const toSpan = ({
      what,
      startMs,
      endMs,
      service,
      extra,
    }: typeof span extends fc.Arbitrary<infer T> ? T : never): Span => ({
      traceId: 'a'.repeat(32),
      spanId: 'b'.repeat(16),
      parentSpanId: '',
      name: what,
      kind: 'internal',
      startMs,
      endMs,
      attributes: new Attributes([['ptp.subscription.id', 's'], ...extra]),
      events: [],
      links: [],
      status: 'unset',
      statusMessage: '',
      scope: '',
      resource: { service, instance: '', attributes: new Attributes() },
      bytes: 0,
    });
    fc.assert(
      fc.property(fc.array(span, { maxLength: 8 }), (all) => {
        for (const delivered of deliveriesOf(all.map(toSpan))) {
          const { hops, totalMs, loopMs = 0, floorMs = 0, attempts, coveredMs, unaccountedMs } = delivered;
          expect(Math.abs(coveredMs + unaccountedMs - totalMs)).toBeLessThan(5e-4);
          for (const figure of [
            totalMs,
            loopMs,
            floorMs,
            attempts,
            unaccountedMs,
            ...hops.map(({ ms = 0 }: HopRow) => ms),
          ]) {
            expect(figure).toBeGreaterThanOrEqual(0);
            expect(figure).toBeLessThan(Infinity);
          }
        }
      }),
    );
  });
});
