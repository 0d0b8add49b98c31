import { Counter, Histogram, Registry } from 'prom-client';
import { PlainCounter, PlainHistogram } from './plainMetrics.js';

const lines = async (registry: Registry): Promise<string[]> => (await registry.metrics()).split('\n').toSorted();

describe('plain metrics', () => {
  it('are scraped as those of prom-client are', async () => {
    const [ours, theirs] = [new Registry(), new Registry()];
    const counter = new PlainCounter(ours, 'c_total', 'Counts.', 'outcome', ['a']);
    const reference = new Counter({ name: 'c_total', help: 'Counts.', labelNames: ['outcome'], registers: [theirs] });
    const histogram = new PlainHistogram(ours, 'h_seconds', 'Times.', [0.1, 1], 'kind');
    const referenceHistogram = new Histogram({
      name: 'h_seconds',
      help: 'Times.',
      buckets: [0.1, 1],
      labelNames: ['kind'],
      registers: [theirs],
    });
    const bare = new PlainHistogram(ours, 'bare_seconds', 'Times.', [1]);
    const referenceBare = new Histogram({ name: 'bare_seconds', help: 'Times.', buckets: [1], registers: [theirs] });
    reference.inc({ outcome: 'a' }, 0);
    for (const value of ['a', 'b', 'a']) {
      counter.inc(value);
      reference.inc({ outcome: value });
    }
    for (const seconds of [0.05, 0.1, 0.5, 2]) {
      histogram.observe(seconds, 'x');
      referenceHistogram.observe({ kind: 'x' }, seconds);
      bare.observe(seconds);
      referenceBare.observe(seconds);
    }
    expect(await lines(ours)).toEqual(await lines(theirs));
  });
});
