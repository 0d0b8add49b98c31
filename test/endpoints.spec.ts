import type { LookupAddress } from 'node:dns';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { endpointAgent, type Resolve } from '../services/gateway/endpoints/agent.js';
import { parseAllow } from '../services/gateway/endpoints/allow.js';
import { checkEndpoint, EndpointCheckFailed } from '../services/gateway/endpoints/check.js';
import { EndpointRefused, type EndpointPolicy } from '../services/gateway/endpoints/policy.js';

const LOCAL: EndpointPolicy = { kind: 'local' };

describe('a request to an endpoint', () => {
  let server: Server;
  let port: number;
  let requests: number;
  let handle: RequestListener;

  beforeEach(async () => {
    requests = 0;
    handle = (_, res) => void res.writeHead(204, { connection: 'close' }).end();
    server = createServer((req, res) => {
      requests += 1;
      handle(req, res);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const named = (): string => `http://consumer.example.com:${port}/`;

  it('goes to the address that was judged', async () => {
    await check(LOCAL, named(), answering(['127.0.0.1']));
    expect(requests).toBe(1);
  });

  it('is refused when the name resolves to something else the next time', async () => {
    const agent = endpointAgent(LOCAL, 2, { resolve: answering(['127.0.0.1'], ['169.254.169.254']) });
    await checkEndpoint(agent, new URL(named()));
    await expect(checkEndpoint(agent, new URL(named()))).rejects.toThrow(EndpointRefused);
    await agent.destroy();
    expect(requests).toBe(1);
  });

  it.each([
    ['loopback', ['127.0.0.1']],
    ['loopback, the long way', ['127.255.255.254']],
    ['IPv6 loopback', ['::1']],
    ['mapped loopback', ['::ffff:127.0.0.1']],
    ['the metadata service', ['169.254.169.254']],
    ['the mapped metadata service', ['::ffff:a9fe:a9fe']],
    ['IPv6 link-local', ['fe80::1']],
    ['6to4', ['2002:7f00:1::']],
    ['NAT64', ['64:ff9b::7f00:1']],
    ['compatible loopback', ['::7f00:1']],
    ['the compatible metadata service', ['::a9fe:a9fe']],
    ['translated loopback', ['::ffff:0:7f00:1']],
    ['local NAT64', ['64:ff9b:1::7f00:1']],
    ['Teredo', ['2001:0:808:808::80ff:fffe']],
    ['ISATAP', ['2a00:1450::5efe:7f00:1']],
    ['everybody', ['ff02::1']],
    ['nobody', ['0.0.0.0']],
    ['a good and a bad address', ['10.255.255.1', '127.0.0.1']],
  ])('is refused for a name that resolves to %s', async (_, addresses) => {
    await expect(check({ kind: 'cluster' }, named(), answering(addresses))).rejects.toThrow(EndpointRefused);
    expect(requests).toBe(0);
  });

  it.each([
    '127.0.0.1',
    '127.0.0.1.',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '１２７.0.0.1',
    'localhost',
    '[::1]',
    '[::ffff:7f00:1]',
    '[::7f00:1]',
    '[::]',
    '0',
  ])('is refused for the literal %s', async (host) => {
    await expect(check({ kind: 'cluster' }, `http://${host}:${port}/`)).rejects.toThrow(EndpointRefused);
    expect(requests).toBe(0);
  });

  it("goes where the operator's list allows it, and only there", async () => {
    const policy: EndpointPolicy = { kind: 'cluster', allow: parseAllow(`127.0.0.1:${port}`) };
    await check(policy, `http://127.0.0.1:${port}/`);
    await check(policy, named(), answering(['127.0.0.1']));
    await expect(check(policy, named(), answering(['127.0.0.2']))).rejects.toThrow(EndpointRefused);
    await expect(check(policy, named(), answering(['10.1.2.3']))).rejects.toThrow(/ENDPOINT_ALLOW/);
    expect(requests).toBe(2);
  });

  it('does not follow a redirect', async () => {
    handle = (_, res) => void res.writeHead(307, { location: `http://127.0.0.1:${port}/elsewhere` }).end();
    await expect(check(LOCAL, `http://127.0.0.1:${port}/`)).rejects.toThrow(/it answered 307/);
    expect(requests).toBe(1);
  });

  it('reads no more of an answer than it must', async () => {
    handle = (_, res) => {
      res.writeHead(200);
      const more = (): void => void (res.write('x'.repeat(8_192)) ? setImmediate(more) : res.once('drain', more));
      more();
    };
    await check(LOCAL, `http://127.0.0.1:${port}/`);
  });

  it('does not show what was answered', async () => {
    handle = (_, res) => void res.writeHead(500, 'inner-words', { 'x-inner': 'words' }).end('inner words');
    const error = await check(LOCAL, `http://127.0.0.1:${port}/`).catch((err: unknown) => err);
    expect(error).toBeInstanceOf(EndpointCheckFailed);
    expect(String(error)).not.toMatch(/inner|words/);
  });

  it('takes an answer with endless headers for none', async () => {
    handle = (_, res) => void res.writeHead(204, { 'x-long': 'y'.repeat(20_000) }).end();
    await expect(check(LOCAL, `http://127.0.0.1:${port}/`)).rejects.toThrow(/headers too long/);
  });
});

const check = async (policy: EndpointPolicy, url: string, resolve?: Resolve): Promise<void> => {
  const agent = endpointAgent(policy, 2, { ...(resolve && { resolve }) });
  try {
    await checkEndpoint(agent, new URL(url));
  } finally {
    await agent.destroy();
  }
};

/** A resolver that gives one answer after the other, and the last one from then on. */
function answering(...answers: string[][]): Resolve {
  let n = 0;
  return (_, __, callback) => {
    const addresses = answers[Math.min(n, answers.length - 1)] ?? [];
    n += 1;
    const found: LookupAddress[] = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    callback(null, found);
  };
}
