import { parseAllow } from './allow.js';
import { EndpointRefused, isAddressAllowed, parseEndpoint, targetOf, type EndpointPolicy } from './policy.js';

const CLUSTER: EndpointPolicy = { kind: 'cluster' };
const LOCAL: EndpointPolicy = { kind: 'local' };
const SOMEWHERE = targetOf(new URL('http://consumer.example.com:9090/'));

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
    ['100.100.100.200', false],
    ['fd00:ec2::254', false],
    ['168.63.129.16', false],
    ['2002:7f00:1::', false],
    ['0.1.2.3', false],
    ['239.255.255.250', false],
    ['240.0.0.1', false],
    // IPv4-compatible, mapped, translated: as the IPv4 address.
    ['::7f00:1', false],
    ['::127.0.0.1', false],
    ['::169.254.169.254', false],
    ['::0.0.0.2', false],
    ['::255.255.255.255', false],
    ['::224.0.0.1', false],
    ['::100.100.100.200', false],
    ['::10.1.2.3', true],
    ['::ffff:10.1.2.3', true],
    ['::ffff:0.0.0.0', false],
    ['::ffff:0:127.0.0.1', false],
    ['::ffff:0:10.1.2.3', true],
    // NAT64.
    ['64:ff9b::10.1.2.3', true],
    ['64:ff9b::169.254.169.254', false],
    ['64:ff9b::0.0.0.0', false],
    ['64:ff9b:1::127.0.0.1', false],
    ['64:ff9b:1::169.254.169.254', false],
    ['64:ff9b:1::10.1.2.3', true],
    ['64:ff9b:1:7f00:0:100::', false],
    ['64:ff9b:1:7f:0:1::', false],
    ['64:ff9b:1::a9:fea9:fe00:0', false],
    ['64:ff9b:1::', false],
    // 6to4.
    ['2002:a01:203::1', true],
    ['2002:a9fe:a9fe::1', false],
    // Teredo: the server's, and the client's inverted.
    ['2001:0:808:808:0:0:f5fe:fdfc', true],
    ['2001:0:808:808::80ff:fffe', false],
    ['2001:0:7f00:1:0:0:f5fe:fdfc', false],
    // ISATAP.
    ['2a00:1450::5efe:10.1.2.3', true],
    ['2a00:1450::5efe:127.0.0.1', false],
    ['2a00:1450::200:5efe:169.254.169.254', false],
    ['fd00::5efe:a9fe:a9fe', false],
    ['2001:db8::5efe:10.1.2.3', false],
    ['fd00:ec2::254%1', false],
    ['fd00:ec2::23', false],
    ['not an address', false],
  ])('judges %s for the cluster: %s', (address, allowed) => {
    expect(isAddressAllowed(address, SOMEWHERE, CLUSTER)).toBe(allowed);
  });

  it.each([
    ['127.0.0.1', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['::127.0.0.1', true],
    ['64:ff9b::127.0.0.1', true],
    ['169.254.169.254', false],
    ['::169.254.169.254', false],
    ['fe80::1', false],
  ])('judges %s for a local run: %s', (address, allowed) => {
    expect(isAddressAllowed(address, SOMEWHERE, LOCAL)).toBe(allowed);
  });
});

const allowed = (list: string, url: string, address: string, kind: EndpointPolicy['kind'] = 'cluster'): boolean =>
  isAddressAllowed(address, targetOf(new URL(url)), { kind, allow: parseAllow(list) });

describe("an operator's list", () => {
  it.each([
    ['10.2.0.0/16', 'http://10.2.3.4/', '10.2.3.4', true],
    ['10.2.0.0/16', 'http://10.3.3.4/', '10.3.3.4', false],
    ['10.2.0.0/16', 'http://a.example/', '10.2.3.4', true],
    ['10.2.0.0/16', 'http://a.example/', '::ffff:10.2.3.4', true],
    ['10.2.0.0/16', 'http://a.example/', '8.8.8.8', false],
    ['10.2.0.0/16:9090', 'http://a.example:9090/', '10.2.3.4', true],
    ['10.2.0.0/16:9090', 'http://a.example:9091/', '10.2.3.4', false],
    ['10.2.3.4', 'http://10.2.3.4/', '10.2.3.4', true],
    ['10.2.3.4', 'http://10.2.3.5/', '10.2.3.5', false],
    ['fd00::/8', 'http://[fd00::1]/', 'fd00::1', true],
    ['[fd00::/8]:443', 'https://[fd00::1]/', 'fd00::1', true],
    ['[fd00::/8]:443', 'http://[fd00::1]/', 'fd00::1', false],
    ['fd00::1', 'http://[fd00::1]/', 'fd00::1', true],
    ['example.com', 'http://example.com/', '10.2.3.4', true],
    ['.example.com', 'http://a.b.example.com./', '10.2.3.4', true],
    ['EXAMPLE.com:443', 'https://a.example.com/', '10.2.3.4', true],
    ['EXAMPLE.com:443', 'http://a.example.com/', '10.2.3.4', false],
    ['example.com', 'http://badexample.com/', '10.2.3.4', false],
    ['example.com', 'http://example.com.evil.net/', '10.2.3.4', false],
    [':9090', 'http://a.example:9090/', '10.2.3.4', true],
    [':9090', 'http://a.example/', '10.2.3.4', false],
    ['example.com, 10.2.0.0/16', 'http://a.net/', '10.2.3.4', true],
    // What policy forbids is allowed by its address only, never by a name that anybody could point there.
    ['127.0.0.1', 'http://127.0.0.1/', '127.0.0.1', true],
    ['192.0.2.0/24', 'http://192.0.2.1/', '192.0.2.1', true],
    ['example.com', 'http://example.com/', '127.0.0.1', false],
    [':9090', 'http://a.example:9090/', '127.0.0.1', false],
    // Link-local and metadata addresses: never.
    ['0.0.0.0/0,::/0', 'http://169.254.169.254/', '169.254.169.254', false],
    ['0.0.0.0/0,::/0', 'http://a.example/', '::ffff:169.254.169.254', false],
    ['0.0.0.0/0,::/0', 'http://a.example/', '64:ff9b::a9fe:a9fe', false],
    ['0.0.0.0/0,::/0', 'http://a.example/', '2002:a9fe:a9fe::', false],
    ['0.0.0.0/0,::/0', 'http://a.example/', 'fe80::1', false],
    ['0.0.0.0/0,::/0', 'http://a.example/', 'fd00:ec2::254', false],
    ['0.0.0.0/0,::/0', 'http://a.example/', '0.0.0.0', false],
    ['64:ff9b::/96', 'http://a.example/', '64:ff9b::808:808', true],
    ['64:ff9b::/96', 'http://a.example/', '64:ff9b::7f00:1', false],
    ['::/0', 'http://a.example/', '::7f00:1', false],
    ['::/0', 'http://a.example/', '::10.2.3.4', false],
    ['::/0', 'http://a.example/', '::ffff:10.2.3.4', false],
    ['::/0', 'http://a.example/', '2002:7f00:1::', false],
    ['10.2.0.0/16', 'http://a.example/', '::10.2.3.4', true],
    ['10.2.0.0/16', 'http://a.example/', '64:ff9b::10.2.3.4', true],
    ['10.2.0.0/16', 'http://a.example/', '64:ff9b::10.3.3.4', false],
    ['127.0.0.1', 'http://a.example/', '::127.0.0.1', true],
    ['127.0.0.1', 'http://a.example/', '::127.0.0.2', false],
  ])('%s: %s at %s is allowed: %s', (list, url, address, isAllowed) => {
    expect(allowed(list, url, address)).toBe(isAllowed);
  });

  it.each(['', ',', 'a b', '10.0.0.0/33', '10.0.0', ':0', ':70000', ':', 'http://a/', '*.a.net', '::/0:x', '[::', '.'])(
    'is refused when it has the entry %p',
    (entry) => {
      expect(() => parseAllow(entry)).toThrow(TypeError);
    },
  );

  it('refuses a name that it cannot allow before that is looked up', () => {
    const policy: EndpointPolicy = { kind: 'cluster', allow: parseAllow('example.com,10.0.0.0/8:443') };
    expect(() => parseEndpoint('http://other.net/', policy)).toThrow(/ENDPOINT_ALLOW/);
    expect(parseEndpoint('https://other.net/', policy).hostname).toBe('other.net');
  });
});

describe('parseEndpoint', () => {
  it('gives a normalised URL', () => {
    expect(parseEndpoint('HTTP://Consumer.Example.com:80/event#x', CLUSTER).href).toBe(
      'http://consumer.example.com/event',
    );
  });

  it.each(['', 'consumer', '/event', 'ftp://consumer.example.com/', 'http://user:pw@consumer.example.com/', 'http://'])(
    'refuses %p as no URL of an endpoint',
    (text) => {
      expect(() => parseEndpoint(text, LOCAL)).toThrow(TypeError);
    },
  );

  it.each([
    'http://127.0.0.1/',
    'http://127.0.0.1./',
    'http://127.1/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://0X7F000001/',
    'http://0177.0.0.1/',
    'http://017700000001/',
    'http://0/',
    'http://0.1.2.3/',
    'http://%31%32%37.0.0.1/',
    'http://１２７.０.０.１/',
    'http://127。0。0。1/',
    'http://①②⑦.0.0.1/',
    'http://169.254.43518/',
    'http://255.255.255.255/',
    'http://224.0.0.1/',
    'http://[::1]/',
    'http://[::]/',
    'http://[::7f00:1]/',
    'http://[::127.0.0.1]/',
    'http://[0:0:0:0:0:0:a9fe:a9fe]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[64:ff9b:1::127.0.0.1]/',
    'http://[2a00:1450::5efe:7f00:1]/',
    'http://[ff02::1]/',
  ])('refuses %p as forbidden', (text) => {
    expect(() => parseEndpoint(text, CLUSTER)).toThrow(EndpointRefused);
  });
});
