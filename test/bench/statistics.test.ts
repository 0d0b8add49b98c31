import { median, quantile } from './statistics.js';

describe('the statistics of the benchmark', () => {
  it.each([
    [[3, 1, 2], 0.5, 2],
    [[1, 2, 3, 4], 0.99, 4],
    [[5], 0.01, 5],
  ])('take of %p at %p: %p', (values, share, expected) => expect(quantile(values, share)).toBe(expected));

  it('take the middle, or the mean of both middles', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 2, 9])).toBe(3);
    expect(median([])).toBeNaN();
  });
});
