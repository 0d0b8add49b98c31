import { EndpointRefused, isAddressAllowed, parseEndpoint } from './policy.js';

describe('isAddressAllowed', () => {
  it.each([
    ['10.1.2.3', true],
    ['192.168.1.1', true],
    ['203.0.113.7', false], // documentation range: reserved
    ['8.8.8.8', true],
    ['100.64.0.1', true],
    ['fd00::1', true],
    ['2a00:1450::1', true],
    ['127.0.0.1', false],
    ['127.8.8.8', false],
    ['::1', false],
    ['::ffff:127.0.0.1', false],
    ['169.254.169.254', false],
    ['::ffff:169.254.169.254', false],
    ['fe80::1', false],
    ['0.0.0.0', false],
    ['::', false],
    ['224.0.0.1', false],
    ['255.255.255.255', false],
    ['64:ff9b::7f00:1', false],
    ['2002:7f00:1::', false],
    ['not an address', false],
  ])('judges %s for the cluster: %s', (address, allowed) => {
    expect(isAddressAllowed(address, 'cluster')).toBe(allowed);
  });

  it.each([
    ['127.0.0.1', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['169.254.169.254', false],
    ['fe80::1', false],
  ])('judges %s for a local run: %s', (address, allowed) => {
    expect(isAddressAllowed(address, 'local')).toBe(allowed);
  });
});

describe('parseEndpoint', () => {
  it('gives a normalised URL', () => {
    expect(parseEndpoint('HTTP://Consumer.Example.com:80/event#x', 'cluster').href).toBe(
      'http://consumer.example.com/event',
    );
  });

  it.each(['', 'consumer', '/event', 'ftp://consumer.example.com/', 'http://user:pw@consumer.example.com/', 'http://'])(
    'refuses %p as no URL of an endpoint',
    (text) => {
      expect(() => parseEndpoint(text, 'local')).toThrow(TypeError);
    },
  );

  it.each(['http://127.0.0.1/', 'http://2130706433/', 'http://0x7f.1/', 'http://[::1]/', 'http://[::ffff:127.0.0.1]/'])(
    'refuses %p as forbidden',
    (text) => {
      expect(() => parseEndpoint(text, 'cluster')).toThrow(EndpointRefused);
    },
  );
});
