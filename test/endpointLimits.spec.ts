import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { Stage } from '../services/gateway/delivery/stage.js';
import { endpointAgent, type EndpointAgent } from '../services/gateway/endpoints/agent.js';
import { OriginLimiter } from '../services/gateway/push/originLimiter.js';
import { Post } from '../services/gateway/push/post.js';
import type { AttemptResult } from '../services/gateway/push/result.js';
import { TimeLimit } from '../services/gateway/push/timeLimit.js';
import { silent } from '../services/gateway/stages.js';
import { bus } from '../services/shared/contract/bus.js';
import { makeEvent, newTraceparent } from '../services/shared/event.js';
import { endsWithTheTests } from './support/childProcess.js';
import { backToLanes, PlayedLanes } from './support/deliveries.js';
import { eventually } from './support/eventually.js';
import { FakeClock } from './support/fakeClock.js';

const { path, type } = bus.resources.lockState;
const source = `/cluster/node/n1${path}`;
const value = { ResourceAddress: '/x', data_type: 'notification', value_type: 'enumeration', value: 'LOCKED' } as const;
const event = makeEvent({
  id: randomUUID(),
  source,
  type,
  time: '2026-03-01T12:00:00.000Z',
  sequence: '1',
  traceparent: newTraceparent(),
  data: { version: '1.0', values: [value] },
});

let clock: FakeClock;
let agent: EndpointAgent;

beforeEach(() => {
  clock = new FakeClock();
  agent = endpointAgent({ kind: 'local' }, 2);
});
afterEach(() => agent.destroy());

/** One attempt, without the stages that would make another. */
async function post(endpointUri: string): Promise<AttemptResult> {
  const lanes = new PlayedLanes({ endpointUri });
  const stages = Stage.chain(
    backToLanes,
    new OriginLimiter(clock),
    new TimeLimit(10_000, clock),
    new Post({ agent, defaultNames: 'both', clock, listener: silent }),
  );
  stages.start(lanes.delivery(event));
  return eventually(() => lanes.results[0]?.result, 20_000);
}

/** Whether it has come to its end by now; what is on its way has had time. */
async function isOver(outcome: Promise<AttemptResult>): Promise<boolean> {
  let ended = false;
  void outcome.then(() => (ended = true));
  for (let i = 0; i < 10; i += 1) await turn();
  return ended;
}

describe('an attempt whose answer does not come to its end', () => {
  let answering: ServerResponse | undefined;
  const server = createServer((_, res) => (answering = res));
  let url: string;
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  beforeEach(() => (answering = undefined));
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });

  it('fails after 10 s when nothing is answered', async () => {
    const outcome = post(url);
    await eventually(() => answering);
    clock.advance({ ms: 9_999 });
    expect(await isOver(outcome)).toBe(false);
    clock.advance({ ms: 1 });
    expect(await outcome).toEqual({ kind: 'failed', reason: 'no answer within 10000 ms' });
  });

  it('fails after 10 s when the answer dribbles in and its headers never end', async () => {
    const outcome = post(url);
    const res = await eventually(() => answering);
    res.socket?.write('HTTP/1.1 200 OK\r\n');
    for (let second = 1; second <= 9; second += 1) {
      res.socket?.write(`x-${second}: y\r\n`);
      clock.advance({ seconds: 1 });
      expect(await isOver(outcome)).toBe(false);
    }
    clock.advance({ seconds: 1 });
    expect(await outcome).toEqual({ kind: 'failed', reason: 'no answer within 10000 ms' });
  });

  it.each([
    [200, 'accepted' as const],
    [503, 'failed' as const],
  ])('counts by its status after 10 s when its body dribbles in: %i', async (status, kind) => {
    const outcome = post(url);
    const res = await eventually(() => answering);
    const closed = once(res, 'close');
    res.writeHead(status);
    for (let second = 1; second <= 9; second += 1) {
      res.write('.');
      clock.advance({ seconds: 1 });
      expect(await isOver(outcome)).toBe(false);
    }
    clock.advance({ seconds: 1 });
    expect((await outcome).kind).toBe(kind);
    // The connection is not left to it.
    await closed;
  });

  it('is not read beyond 4 kB', async () => {
    const outcome = post(url);
    const res = await eventually(() => answering);
    const closed = once(res, 'close');
    res.writeHead(200);
    for (let i = 0; i < 10; i += 1) res.write('.'.repeat(1_000));
    expect(await outcome).toEqual({ kind: 'accepted' });
    await closed;
  });
});

describe('an endpoint that takes no connection', () => {
  let stopped: ChildProcess;
  const waiting: Socket[] = [];
  afterEach(() => {
    for (const socket of waiting) socket.destroy();
    stopped.kill('SIGKILL');
  });

  it('is given up after 3 s, long before the 10 s of an attempt', async () => {
    // A process that stands still: the system takes as many connections for it as its backlog holds, and no more.
    const script = `const s = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 },
      () => process.stdout.write(String(s.address().port)))`;
    stopped = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
    endsWithTheTests(stopped);
    const [output] = (await once(stopped.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    const port = Number(output.toString());
    stopped.kill('SIGSTOP');
    let taken = 0;
    for (let i = 0; i < 8; i += 1) {
      const socket = connect(port, '127.0.0.1', () => (taken += 1)).on('error', () => {});
      waiting.push(socket);
    }
    await eventually(() => taken > 0);
    expect(taken).toBeLessThan(8);

    const startedMs = performance.now();
    // Its own clock stands still, so it is not the limit of the whole attempt that ends it.
    expect(await post(`http://127.0.0.1:${port}/`)).toEqual({ kind: 'failed', reason: 'no connection within 3000 ms' });
    const tookMs = performance.now() - startedMs;
    expect(tookMs).toBeGreaterThan(2_500);
    // The client's own limit would be 10 s.
    expect(tookMs).toBeLessThan(9_000);
  });
});
