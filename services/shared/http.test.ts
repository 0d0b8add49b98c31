import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { pino } from 'pino';
import { eventually } from '../../test/support/eventually.js';
import { listen, type HttpServer, type ListenOptions, type TlsIdentity } from './http.js';

const log = pino({ level: 'silent' });
const OPTIONS: ListenOptions = { port: 0, host: '127.0.0.1', setting: 'TEST_PORT', maxConnections: 64, log };

describe('an HTTP server of ours', () => {
  let server: HttpServer;

  beforeAll(async () => {
    server = await listen((req, res) => res.end(req.url), OPTIONS);
  });
  afterAll(() => server.close());

  it.each([
    [
      'headers that are too long',
      `GET / HTTP/1.1\r\nhost: x\r\nlong: ${'x'.repeat(17_000)}\r\n\r\n`,
      431,
      '16384 bytes',
    ],
    ['a method that is none', 'BREW / HTTP/1.1\r\nhost: x\r\n\r\n', 400, 'the method is not one of HTTP'],
    ['what is not HTTP', 'hello\r\n\r\n', 400, 'not one of HTTP'],
    ['a header that is none', 'GET / HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n', 400, 'not an HTTP/1.1 request'],
  ])('answers %s with a problem', async (_, request, status, detail) => {
    const [head = '', body = ''] = (await answer(server.port, request)).split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(head).toContain('content-type: application/problem+json');
    const problem = JSON.parse(body) as Record<string, unknown>;
    expect(problem).toMatchObject({ type: 'about:blank', status, error: problem['detail'] });
    expect(problem['detail']).toContain(detail);
  });

  it('closes the connection of who sends no HTTP, when the client does not', async () => {
    const socket = await opened(server.port, { allowHalfOpen: true });
    socket.write('hello\r\n\r\n');
    await closedByServer(socket);
  });

  it('reads a target that begins with two slashes as a path', async () => {
    const text = await answer(server.port, 'GET //a//b/?x=@# HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    expect(text.split('\r\n\r\n')[1]).toContain('/a/b?x=@');
  });
});

describe('its connections', () => {
  it('are so many at a time, and those that nobody uses make room', async () => {
    const warnings = jest.spyOn(log, 'warn');
    const held: (() => void)[] = [];
    const server = await listen(
      (req, res) => {
        if (req.url === '/hold') held.push(() => void res.end());
        else res.end();
      },
      { ...OPTIONS, maxConnections: 2 },
    );
    const busy = await opened(server.port);
    busy.write('GET /hold HTTP/1.1\r\nhost: x\r\n\r\n');
    const idle = await opened(server.port);
    idle.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(idle, 'data');

    const third = await opened(server.port);
    await Promise.all([once(third, 'close'), once(idle, 'close')]);
    expect(await answer(server.port, 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')).toMatch(/ 200 /);
    expect(warnings.mock.calls).toEqual([
      [{ setting: 'TEST_PORT', maxConnections: 2, refused: 1 }, expect.stringContaining('more connections')],
    ]);
    for (const end of held) end();
    await once(busy, 'data');
    await server.close();
  });
});

function identity(name: string): TlsIdentity {
  const file = (ending: string): string => join(__dirname, '../../test/fixtures/tls', `${name}.${ending}`);
  return { cert: readFileSync(file('crt'), 'utf8'), key: readFileSync(file('key'), 'utf8') };
}

/** One of an elliptic curve, and one of RSA, which knows more ways to agree on a key. */
describe.each(['first', 'rsa'])('over TLS with the certificate %p', (name) => {
  let server: HttpServer;

  beforeAll(async () => {
    server = await listen((_, res) => res.end(), { ...OPTIONS, tls: identity(name) });
  });
  afterAll(() => server.close());

  const shakesHands = (options: ConnectionOptions): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connectTls({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false, ...options }, () => {
        resolve(true);
        socket.destroy();
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve(false));
    });
  const CLIENTS: [string, ConnectionOptions, boolean][] = [
    ['TLS 1.3', { minVersion: 'TLSv1.3' }, true],
    ['TLS 1.2', { maxVersion: 'TLSv1.2' }, true],
    ['an ephemeral key and AES-GCM', tls12('ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256'), true],
    ['an ephemeral key and ChaCha20', tls12('ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305'), true],
    [
      'CBC',
      tls12('ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES256-SHA:ECDHE-ECDSA-AES256-SHA'),
      false,
    ],
    ['the key of the certificate', tls12('AES128-GCM-SHA256:AES256-GCM-SHA384'), false],
    ['finite fields', tls12('DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384'), false],
    ['CCM with a short tag', tls12('ECDHE-ECDSA-AES128-CCM8:ECDHE-ECDSA-AES256-CCM8'), false],
    ['TLS 1.1', { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }, false],
  ];

  it.each(CLIENTS)('takes a client with %s, or not', async (_, options, isTaken) => {
    expect(await shakesHands(options)).toBe(isTaken);
  });

  it('takes the same clients with a certificate that came later', async () => {
    server.renew(identity(name));
    for (const [client, options, isTaken] of CLIENTS) {
      expect([client, await shakesHands(options)]).toEqual([client, isTaken]);
    }
  });

  it('closes a connection whose handshake does not come to an end', async () => {
    await once(await opened(server.port), 'close');
  });

  it('closes a connection whose handshake is none, when its client does not', async () => {
    const socket = await opened(server.port, { allowHalfOpen: true });
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await closedByServer(socket);
  });
});

function tls12(ciphers: string): ConnectionOptions {
  return { maxVersion: 'TLSv1.2', ciphers };
}

/** Until the server has let go of a connection: what the client sends then is refused. */
async function closedByServer(socket: Socket): Promise<void> {
  await eventually(() => {
    socket.write('x');
    return socket.destroyed;
  });
}

async function opened(port: number, more: { allowHalfOpen?: boolean } = {}): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', ...more });
  socket.on('error', () => {});
  socket.resume();
  await once(socket, 'connect');
  return socket;
}

/** All that comes back for some bytes, until the server closes. */
function answer(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
}
