import { deliverySpans, otlpRequest, START_MS } from '../../../test/support/otlp.js';
import { TraceMemory, type Trace } from '../core/memory.js';
import { jsonEncoding } from '../receive/encoding.js';
import { BadParameter, matches, readSearch } from './search.js';

function trace(): Trace {
  const memory = new TraceMemory({ bytes: 2 ** 20, slowMs: 100, ratio: 1 });
  const { collector, gateway } = deliverySpans();
  for (const [spans, service] of [[collector, 'ptp-collector'] as const, [gateway, 'ptp-gateway'] as const]) {
    const request = jsonEncoding.decode(Buffer.from(JSON.stringify(otlpRequest(spans, service))));
    for (const span of request.spans) memory.add(span, 0);
  }
  return memory.newestFirst()[0] as Trace;
}

const START_US = START_MS * 1_000;

describe('a search', () => {
  it.each([
    ['service=ptp-gateway', true],
    ['service=nobody', false],
    ['service=ptp-gateway&operation=POST', true],
    ['service=ptp-collector&operation=POST', false],
    ['service=ptp-gateway&minDuration=2ms', true],
    ['service=ptp-gateway&minDuration=2.5ms', true],
    ['service=ptp-gateway&minDuration=1s', false],
    ['service=ptp-gateway&maxDuration=1500us', false],
    ['service=ptp-gateway&maxDuration=1h2m', true],
    [`service=ptp-collector&start=${START_US}&end=${START_US}`, true],
    [`service=ptp-collector&start=${START_US + 1e6}`, false],
    [`service=ptp-collector&end=${START_US - 1}`, false],
    [`service=ptp-collector&end=${START_US + 9e6}&lookback=10s`, true],
    [`service=ptp-collector&end=${START_US + 9e6}&lookback=8s`, false],
    [`service=ptp-collector&lookback=custom&start=${START_US}`, true],
    ['service=ptp-gateway&tags={"http.response.status_code":"204"}', true],
    ['service=ptp-gateway&tags={"http.response.status_code":"500"}', false],
    ['service=ptp-gateway&tags={"span.kind":"consumer"}', true],
    ['service=ptp-gateway&tag=server.address:10.0.0.7&tag=http.request.method:POST', true],
    ['service=ptp-gateway&tag=service.instance.id:ptp-gateway-1', true],
    // One span has to be all of it.
    ['service=ptp-gateway&operation=POST&tags={"span.kind":"consumer"}', false],
  ])('for %s finds a delivery: %s', (query, isFound) => {
    expect(matches(trace(), readSearch(new URLSearchParams(query)))).toBe(isFound);
  });

  it.each([
    ['', 'service'],
    ['service=', 'service'],
    ['service=s&start=yesterday', 'start'],
    ['service=s&end=-1', 'end'],
    ['service=s&minDuration=5', 'minDuration'],
    ['service=s&minDuration=2s&maxDuration=1s', 'maxDuration'],
    ['service=s&lookback=1x', 'lookback'],
    ['service=s&limit=0', 'limit'],
    ['service=s&limit=1001', 'limit'],
    ['service=s&limit=ten', 'limit'],
    ['service=s&tags={', 'tags'],
    ['service=s&tags=[]', 'tags'],
    ['service=s&tags={"a":{}}', 'tags'],
    ['service=s&tag=a', 'tag'],
    [`service=s&${Array.from({ length: 33 }, (_, n) => `tag=k${n}:v`).join('&')}`, 'tags'],
    [`service=s&minDuration=${'1ms'.repeat(50)}`, 'minDuration'],
  ])('for %s is refused, naming %s', (query, name) => {
    expect(() => readSearch(new URLSearchParams(query))).toThrow(BadParameter);
    expect(() => readSearch(new URLSearchParams(query))).toThrow(name);
  });
});
