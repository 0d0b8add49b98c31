import { randomHex } from './randomHex.js';

describe('random hex digits', () => {
  it('are as many as asked for, and never the same again', () => {
    const all = Array.from({ length: 2_000 }, (_, i) => randomHex(i % 2 === 0 ? 16 : 8));
    all.forEach((text, i) => expect(text).toMatch(i % 2 === 0 ? /^[0-9a-f]{32}$/ : /^[0-9a-f]{16}$/));
    expect(new Set(all).size).toBe(2_000);
  });
});
