import { connect } from 'node:net';
import { listen, type HttpServer } from './http.js';

describe('an HTTP server of ours', () => {
  let server: HttpServer;

  beforeAll(async () => {
    server = await listen((req, res) => res.end(req.url), { port: 0, host: '127.0.0.1', setting: 'TEST_PORT' });
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

  it('reads a target that begins with two slashes as a path', async () => {
    const text = await answer(server.port, 'GET //a//b/?x=@# HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    expect(text.split('\r\n\r\n')[1]).toContain('/a/b?x=@');
  });
});

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
