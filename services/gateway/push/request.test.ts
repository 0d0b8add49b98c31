import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Agent } from 'undici';
import { eventually } from '../../../test/support/eventually.js';
import { endpointAgent } from '../endpoints/agent.js';
import { PlayedLanes } from '../../../test/support/deliveries.js';
import type { AttemptResult } from './result.js';
import { Request } from './request.js';

const OK = 'HTTP/1.1 204 No Content\r\n\r\n';

describe('one POST, whatever the other side does', () => {
  let server: Server;
  let agent: Agent;
  let origin: string;
  let answer: (socket: Socket) => void;
  /** Requests that have come in. */
  let requests: number;
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
    agent = endpointAgent({ kind: 'local' }, 1);
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
      answered: (_: unknown, what: unknown) => void heard.push(what),
      finish: (_: unknown, result: AttemptResult) => void ends.push(result),
    };
    const request = new Request(new PlayedLanes().delivery(), owner, { now: () => 0 });
    request.send(agent, { origin, path: '/', method: 'POST', headers, body: 'x' });
    return { request, ends, heard, end: () => eventually(() => ends[0], 5_000) };
  }

  it.each<[string, (socket: Socket) => void, AttemptResult['kind'], unknown]>([
    ['answers', (s) => s.write(OK), 'accepted', 204],
    [
      'says 100 Continue and 103 Early Hints first',
      (s) => s.write(`HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n${OK}`),
      'accepted',
      204,
    ],
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
