import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { eventually } from '../../../test/support/eventually.js';
import { endpointAgent, type EndpointAgent } from '../endpoints/agent.js';
import { Request } from './request.js';
import type { AttemptResult } from './result.js';

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
const OK = 'HTTP/1.1 204 No Content\r\n\r\n';

/** Answers the first request on each connection; `then` is what becomes of the second. */
function firstOnly(then: (socket: Socket) => void): (socket: Socket) => void {
  const used = new Set<Socket>();
  return (socket) => {
    if (used.has(socket)) return then(socket);
    used.add(socket);
    socket.write(OK);
  };
}

describe('one POST, whatever the other side does', () => {
  let server: Server;
  let agent: EndpointAgent;
  let origin: string;
  let answer: (socket: Socket) => void;
  /** Requests that have come in. */
  let requests: number;
  let unanswered: string[];
  const sockets = new Set<Socket>();

  beforeEach(async () => {
    requests = 0;
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('data', () => {
        requests += 1;
        answer(socket);
      });
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    unanswered = [];
    agent = endpointAgent({ kind: 'local' }, 1, { onUnanswered: (why) => void unanswered.push(why) });
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await agent.destroy();
    await new Promise((resolve) => void server.close(resolve));
  });

  function send(headers: Record<string, string> = {}) {
    const ends: AttemptResult[] = [];
    const heard: unknown[] = [];
    const owner = {
      answered: (_: undefined, what: unknown) => void heard.push(what),
      finish: (_: undefined, result: AttemptResult) => void ends.push(result),
    };
    const request = new Request(undefined, owner, { now: () => 0 });
    request.send(agent, { origin, path: '/', method: 'POST', headers, body: 'x' });
    return { request, ends, heard, end: () => eventually(() => ends[0], 5_000) };
  }

  it.each<[string, (socket: Socket) => void, AttemptResult['kind'], unknown]>([
    ['answers', (s) => s.write(OK), 'accepted', 204],
    [
      'says 100 Continue and 103 Early Hints first',
      (s) => s.write(`${CONTINUE}${CONTINUE}HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n${OK}`),
      'accepted',
      204,
    ],
    [
      'says 100 Continue and takes its time',
      (s) => s.write(CONTINUE.slice(0, 9), () => setTimeout(() => s.write(`${CONTINUE.slice(9)}${OK}`), 20)),
      'accepted',
      204,
    ],
    ['says 100 Continue when it has answered', (s) => s.write(`${OK}${CONTINUE}`), 'accepted', 204],
    [
      'says 102 first and refuses then',
      (s) => s.write('HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n'),
      'gone',
      410,
    ],
    ['says nothing but 102 and goes', (s) => s.end('HTTP/1.1 102 Processing\r\n\r\n'), 'failed', 'connection'],
    [
      'switches protocols',
      (s) => s.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
      'failed',
      'connection',
    ],
    ['says 100 only, then goes', (s) => s.end('HTTP/1.1 100 Continue\r\n\r\n'), 'failed', 'connection'],
    ['talks rubbish', (s) => s.write('rubbish\r\n\r\n'), 'failed', 'connection'],
    ['hangs up', (s) => s.destroy(), 'failed', 'connection'],
    ['resets', (s) => s.resetAndDestroy(), 'failed', 'connection'],
    [
      'has much to say',
      (s) => s.write(`HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n${'x'.repeat(9_000)}`),
      'accepted',
      200,
    ],
    [
      'breaks off after its status',
      (s) => s.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx', () => setTimeout(() => s.resetAndDestroy(), 20)),
      'accepted',
      200,
    ],
    ['has headers without end', (s) => s.write(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(20_000)}`), 'failed', 'connection'],
  ])('that %s', async (_, how, kind, said) => {
    answer = how;
    const { end, ends, heard } = send();
    expect((await end()).kind).toBe(kind);
    expect(heard).toEqual([said]);
    answer = (socket) => void socket.write(OK);
    // The only connection is free again.
    expect((await send().end()).kind).toBe('accepted');
    expect(ends).toHaveLength(1);
  });

  it.each<[string, string, RegExp]>([
    ['no HTTP', 'rubbish\r\n', /not valid HTTP\/1.1 \(Expected HTTP/],
    ['HTTP/0.9', '<html></html>', /not valid HTTP\/1.1 \(Expected HTTP/],
    ['HTTP/2', '\0\0\x12\x04\0\0\0\0\0', /not valid HTTP\/1.1/],
    ['a banner', 'SSH-2.0-x\r\n', /not valid HTTP\/1.1/],
    ['a bad header', 'HTTP/1.1 204 X\r\nbad header\r\n\r\n', /not valid HTTP\/1.1 \(Invalid header token\)/],
    [
      'a bad header after a length',
      'HTTP/1.1 200 X\r\ncontent-length: 2\r\nbad header\r\n\r\n',
      /not valid HTTP\/1.1 \(malformed header\)/,
    ],
    ['two lengths', 'HTTP/1.1 200 X\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n', /malformed header/],
    ['no length', 'HTTP/1.1 200 X\r\ncontent-length: x\r\n\r\n', /Content-Length/],
    ['lines that end in a line feed', 'HTTP/1.1 204 X\nx: y\n\n', /not valid HTTP\/1.1 \(Missing expected CR/],
    ['a header too long', `HTTP/1.1 204 X\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`, /headers too long/],
    ['101', 'HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n', /switched protocols \(101\)/],
    ['101 without what it switches to', 'HTTP/1.1 101 X\r\n\r\n', /switched protocols \(101\)/],
    ['a status that is none', 'HTTP/1.1 042 X\r\n\r\n', /status 042/],
    ['TLS', '\x15\x03\x01\0\x02\x02\x46', /speaks TLS/],
    ['interim answers without end', CONTINUE.repeat(2_000), /interim answers without end/],
  ])('that is answered with %s fails, and says so', async (_, text, reason) => {
    answer = (socket) => void socket.write(text, 'latin1');
    expect(await send().end()).toEqual({ kind: 'failed', reason: expect.stringMatching(reason) as string });
    expect(unanswered).toEqual(['malformed']);
    expect(requests).toBe(1);
  });

  it.each<[string, (socket: Socket) => void, RegExp]>([
    ['before it answers', (s) => s.end(), /closed by the other side before it answered/],
    ['in the middle', (s) => s.end('HTTP/1.1 200 OK\r\nx:'), /closed by the other side in the middle of its answer/],
    ['after 100 Continue', (s) => s.end(CONTINUE), /closed by the other side in the middle of its answer/],
  ])('whose connection is closed %s fails, and says so', async (_, how, reason) => {
    answer = how;
    expect(await send().end()).toEqual({ kind: 'failed', reason: expect.stringMatching(reason) as string });
    expect(unanswered).toEqual(['closed']);
    expect(requests).toBe(1);
  });

  describe('on a connection that was used before', () => {
    it.each<[string, (socket: Socket) => void]>([
      ['closed', (s) => s.end()],
      ['reset', (s) => s.resetAndDestroy()],
    ])('and is %s before a byte came is sent again at once', async (_, how) => {
      answer = firstOnly(how);
      await send().end();
      const { end, heard } = send();
      expect((await end()).kind).toBe('accepted');
      expect([heard, unanswered, requests]).toEqual([[204], [], 3]);
      // The one that was made for it is not kept.
      expect((await send().end()).kind).toBe('accepted');
    });

    it.each([CONTINUE, 'HTTP/1.1 2'])('and is closed after %p is not', async (text) => {
      answer = firstOnly((socket) => socket.end(text));
      await send().end();
      expect(await send().end()).toMatchObject({ kind: 'failed' });
      expect(requests).toBe(2);
    });

    it('is sent again once, however often it is closed', async () => {
      answer = (socket) => void socket.write(OK);
      await send().end();
      answer = (socket) => void socket.end();
      expect(await send().end()).toMatchObject({ kind: 'failed' });
      expect([requests, unanswered]).toEqual([3, ['closed']]);
    });

    it('is not sent again when it was ended', async () => {
      answer = (socket) => void socket.write(OK);
      await send().end();
      answer = () => {};
      const { request, end } = send();
      await eventually(() => requests === 2);
      request.timeOut(7);
      expect(await end()).toEqual({ kind: 'failed', reason: 'no answer within 7 ms' });
      answer = (socket) => void socket.write(OK);
      await send().end();
      expect([requests, unanswered]).toEqual([3, ['timeout']]);
    });

    it('can be ended while it is sent again', async () => {
      answer = firstOnly((socket) => {
        answer = () => {};
        socket.end();
      });
      await send().end();
      const { request, end, heard } = send();
      await eventually(() => requests === 3);
      request.abort();
      expect((await end()).kind).toBe('cancelled');
      expect(heard).toEqual(['stopped']);
    });
  });

  it('that cannot be sent at all', async () => {
    expect((await send({ 'bad header': 'x\n' }).end()).kind).toBe('failed');
  });

  it('that is ended while it waits for a connection is never sent', async () => {
    answer = () => {};
    const first = send();
    await eventually(() => requests === 1);
    const second = send();
    const third = send();
    second.request.abort();
    third.request.timeOut(7);
    expect([second.ends[0]?.kind, third.ends[0]?.kind]).toEqual(['cancelled', 'failed']);
    answer = (socket) => void socket.write(OK);
    for (const socket of sockets) socket.write(OK);
    await first.end();
    await send().end();
    expect(requests).toBe(2);
    expect([second.ends, third.ends].map(({ length }) => length)).toEqual([1, 1]);
  });

  it('that runs when all connections are cut', async () => {
    answer = () => {};
    const first = send();
    await eventually(() => requests === 1);
    const second = send();
    await agent.destroy();
    expect([(await first.end()).kind, (await second.end()).kind]).toEqual(['failed', 'failed']);
    expect((await send().end()).kind).toBe('failed');
  });

  it('that was answered is settled, also when it is ended before the answer has', async () => {
    answer = (socket) => void socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx');
    const { request, end, heard } = send();
    await eventually(() => heard.length === 1);
    request.abort();
    expect((await end()).kind).toBe('accepted');
    expect(heard).toEqual([200]);
  });

  it('that has not been answered is stopped or timed out, once', async () => {
    answer = () => {};
    const first = send();
    await eventually(() => requests === 1);
    first.request.timeOut(10);
    first.request.abort();
    expect((await first.end()).kind).toBe('failed');
    expect([first.ends.length, first.heard]).toEqual([1, ['timeout']]);
  });
});
