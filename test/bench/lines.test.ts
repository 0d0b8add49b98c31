import { keyOf, keyOfLine, line } from './lines.js';

const offsetOf = (text: string): number => Number(/offset (\d+) /.exec(text)?.[1]);

describe('the lines of the benchmark', () => {
  it.each([1, 2, 99, 100, 99_999, 100_000, 250_001])('name their number: %p', (i) => {
    expect(keyOf(offsetOf(line(i)))).toBe(keyOfLine(i));
  });

  it('are in range and beyond it in turn', () => {
    const inRange = Array.from({ length: 300_000 }, (_, i) => offsetOf(line(i + 1)) < 100_000);
    expect(inRange.every((is, i) => is === (i % 2 === 1))).toBe(true);
  });
});
