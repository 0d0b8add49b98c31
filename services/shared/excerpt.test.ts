import { excerpt } from './excerpt.js';

describe('excerpt', () => {
  it.each([
    ['short', 'short'],
    ['x'.repeat(100), 'x'.repeat(100)],
    ['x'.repeat(101), `${'x'.repeat(100)}…`],
    [`${'x'.repeat(99)}😀😀`, `${'x'.repeat(99)}…`],
    ['', ''],
  ])('of %p', (text, shown) => {
    expect(excerpt(text)).toBe(shown);
  });
});
