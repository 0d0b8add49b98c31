import fc from 'fast-check';
import { isSealed, NoSecretKey, parseSecretKeys, SecretKeys } from './secretKeys.js';

const key = (byte: number): Buffer => Buffer.alloc(32, byte);
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

describe('a sealed secret', () => {
  const keys = new SecretKeys([key(1)]);
  const sealed = keys.seal(SECRET, 'cluster.a');

  it('shows nothing, and is another one each time', () => {
    expect(isSealed(sealed)).toBe(true);
    expect(sealed).not.toContain(SECRET.slice(6));
    expect(keys.seal(SECRET, 'cluster.a')).not.toBe(sealed);
    expect(keys.open(sealed, 'cluster.a')).toBe(SECRET);
  });

  it('is not sealed twice', () => {
    expect(keys.seal(sealed, 'cluster.a')).toBe(sealed);
  });

  it('is opened by any of several keys, and sealed by the first', () => {
    const changed = new SecretKeys([key(2), key(1)]);
    expect(changed.open(sealed, 'cluster.a')).toBe(SECRET);
    const anew = changed.seal(SECRET, 'cluster.a');
    expect(new SecretKeys([key(2)]).open(anew, 'cluster.a')).toBe(SECRET);
    expect(keys.open(anew, 'cluster.a')).toBeUndefined();
  });

  it('is not opened at another place, by another key, or by none', () => {
    expect(keys.open(sealed, 'cluster.b')).toBeUndefined();
    expect(new SecretKeys([key(3)]).open(sealed, 'cluster.a')).toBeUndefined();
    expect(new SecretKeys([]).open(sealed, 'cluster.a')).toBeUndefined();
  });

  it('is not opened when anything of it was changed', () => {
    fc.assert(
      fc.property(fc.nat(sealed.length - 1), fc.string({ minLength: 1, maxLength: 3 }), (at, text) => {
        const other = sealed.slice(0, at) + text + sealed.slice(at + 1);
        const opened = keys.open(other, 'cluster.a');
        expect([undefined, SECRET, other]).toContain(opened);
        if (isSealed(other) && other !== sealed) expect(opened === undefined || opened === SECRET).toBe(true);
      }),
    );
    for (const text of ['sealed:', 'sealed:00000000:', sealed.slice(0, -4), sealed.slice(0, 30)]) {
      expect(keys.open(text, 'cluster.a')).toBeUndefined();
    }
  });
});

describe('without a key', () => {
  const keys = new SecretKeys([]);

  it('no secret is taken, and it is said what to set', () => {
    expect(() => keys.check()).toThrow(NoSecretKey);
    expect(() => keys.check()).toThrow(/SECRET_KEYS_FILE.*openssl rand -base64 32/);
  });

  it('one that stands unsealed is read, and stays as it is', () => {
    expect(keys.open(SECRET, 'cluster.a')).toBe(SECRET);
    expect(keys.seal(SECRET, 'cluster.a')).toBe(SECRET);
  });
});

describe('a list of keys', () => {
  const [a, b] = [key(1).toString('base64'), key(2).toString('base64')];

  it.each([a, `${a}\n`, ` ${a} `, `\n\n${a}\r\n`])('is read from %j', (text) => {
    expect(parseSecretKeys(text)).toEqual([key(1)]);
  });

  it.each([`${a},${b}`, `${a}\n${b}\n`, `${a}, ${b}`])('is read in its order from %j', (text) => {
    expect(parseSecretKeys(text)).toEqual([key(1), key(2)]);
  });

  it.each([
    ['', /no key/],
    [' \n', /no key/],
    ['short', /key 1 /],
    [`${a},short`, /key 2 /],
    [Buffer.alloc(31, 1).toString('base64'), /key 1 /],
    [Buffer.alloc(33, 1).toString('base64'), /key 1 /],
    [`${a.slice(0, -1)}!`, /key 1 /],
    [`${a}x`, /key 1 /],
  ])('is refused when it is %j, without being shown', (text, reason) => {
    expect(() => parseSecretKeys(text)).toThrow(reason);
    expect(() => parseSecretKeys(text)).not.toThrow(/short|AQEB/);
  });
});
