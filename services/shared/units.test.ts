import { parseDuration, parseSize } from './units.js';

describe('a size', () => {
  it.each([
    ['1073741824', 2 ** 30],
    ['1Gi', 2 ** 30],
    ['1GiB', 2 ** 30],
    ['1G', 1e9],
    ['512Mi', 512 * 2 ** 20],
    ['1.5gi', 1.5 * 2 ** 30],
    ['64 k', undefined],
    ['1Gx', undefined],
    ['-1', undefined],
    ['', undefined],
    ['1e9', undefined],
  ])('of %j is %j bytes', (text, bytes) => expect(parseSize(text)).toBe(bytes));
});

describe('a duration', () => {
  it.each([
    ['30', 's', 30_000],
    ['30', 'ms', 30],
    ['0.5', 's', 500],
    ['250ms', 's', 250],
    ['30s', 'ms', 30_000],
    ['5m', 's', 300_000],
    ['5min', 's', 300_000],
    ['12h', 's', 43_200_000],
    ['3d', 's', 259_200_000],
    ['1h30m', 's', 5_400_000],
    ['soon', 's', undefined],
    ['3 d', 's', undefined],
    ['d', 's', undefined],
    ['-3s', 's', undefined],
    ['', 's', undefined],
  ] as const)('of %j, plain numbers in %s, is %j ms', (text, plain, ms) => expect(parseDuration(text, plain)).toBe(ms));
});
