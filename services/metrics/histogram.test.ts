import { WeightedHistogram } from './histogram.js';

const value = (histogram: WeightedHistogram, name: string, le?: string): number | undefined =>
  histogram.samples().find(({ metricName, labels }) => metricName === name && labels['le'] === le)?.value;

describe('a weighted histogram', () => {
  it('counts an observation as often as it weighs, in the first bucket that holds it', () => {
    const histogram = new WeightedHistogram('x', [0.1, 1]);
    histogram.observe({ a: 'b' }, 0.1, 3);
    histogram.observe({ a: 'b' }, 0.2, 1_000_000);
    histogram.observe({ a: 'b' }, 300, 2);
    expect(['0.1', '1.0', '+Inf'].map((le) => value(histogram, 'x_bucket', le))).toEqual([3, 1_000_003, 1_000_005]);
    expect(value(histogram, 'x_count')).toBe(1_000_005);
    expect(value(histogram, 'x_sum')).toBeCloseTo(0.3 + 200_000 + 600);
  });

  it('keeps the newest exemplar of each bucket', () => {
    const histogram = new WeightedHistogram('x', [1]);
    histogram.observe({}, 0.5, 1, { labelSet: { trace_id: 'a' }, timestamp: 1 });
    histogram.observe({}, 0.6, 1, { labelSet: { trace_id: 'b' }, timestamp: 2 });
    histogram.observe({}, 0.7, 1);
    histogram.observe({}, 2, 1, { labelSet: { trace_id: 'c' }, timestamp: 3 });
    expect(histogram.samples().map(({ exemplar }) => exemplar)).toEqual([
      { labelSet: { trace_id: 'b' }, timestamp: 2, value: 0.6 },
      { labelSet: { trace_id: 'c' }, timestamp: 3, value: 2 },
      undefined,
      undefined,
    ]);
  });

  it('keeps labels apart', () => {
    const histogram = new WeightedHistogram('x', [1]);
    histogram.observe({ a: '1' }, 0.5, 1);
    histogram.observe({ a: '2' }, 0.5, 1);
    expect(histogram.samples()).toHaveLength(8);
  });
});
