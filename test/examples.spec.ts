import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startBroker, type Broker } from './support/broker.js';
import { eventually } from './support/eventually.js';
import { startNode, type Node } from './support/node.js';
import { startPublisher, type Publisher } from './support/publisher.js';
import { startTestGateway, type Gateway } from './support/services.js';

const NODE = 'py-1.example';
const LOCK_STATE = `/cluster/node/${NODE}/sync/ptp-status/lock-state`;

interface Example {
  lines: string[];
  process: ChildProcess;
  /** Its exit code. */
  ended: Promise<number | null>;
}

/** Ended with the tests, also with those that fail. */
const children: ChildProcess[] = [];
afterAll(() => children.forEach((child) => child.kill('SIGKILL')));

/** Runs an example as its reader would, and collects what it prints. */
function run(command: string, args: string[], env: Record<string, string> = {}): Example {
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    cwd: join(__dirname, '..'),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => lines.push(line));
  }
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { lines, process: child, ended };
}

/** What it printed of the events, without their times. */
const eventsOf = ({ lines }: Example): string[] =>
  lines.filter((line) => line.startsWith('event ')).map((line) => line.split(' ').slice(2).join(' '));

describe('the consumer in Python', () => {
  let broker: Broker;
  let gateway: Gateway;
  let node: Node;
  let publisher: Publisher;

  beforeAll(async () => {
    broker = await startBroker();
    gateway = await startTestGateway(broker.url, { API_RATE: '100' });
    publisher = await startPublisher(broker.url);
    node = await startNode(broker.url, NODE, 'LOCKED');
  });
  afterAll(async () => {
    await node.close();
    await publisher.close();
    await gateway.stop();
    await broker.close();
  });

  const start = (name: string): Example =>
    run('python3', ['examples/consumer.py', '--gateway', gateway.url, '--node', name]);
  const subscriptions = async (): Promise<unknown[]> =>
    (await (await fetch(`${gateway.api}/subscriptions`)).json()) as unknown[];

  it('subscribes, shows the state, prints each event in order, and unsubscribes when it is ended', async () => {
    const example = start(NODE);
    try {
      await eventually(() => eventsOf(example).length === 1);
      expect(eventsOf(example)).toEqual([`${LOCK_STATE} LOCKED (initial)`]);
      // It asks for the state while the event may be coming in.
      await eventually(() => example.lines.includes(`now ${LOCK_STATE} LOCKED`));
      await eventually(async () => (await subscriptions()).length === 3);
      // The last of its lines before it waits for events.
      await eventually(() => example.lines.some((line) => /^now .*\/sync-state \(404: /.test(line)));

      // The state it was told of was that of sequence 1.
      await publisher.lockState(NODE, 'LOCKED', 0);
      await publisher.lockState(NODE, 'HOLDOVER', -17);
      await publisher.lockState(NODE, 'FREERUN', 1_234_567);
      await publisher.lockState(NODE, 'LOCKED', 3);
      await eventually(() => eventsOf(example).length === 4);
      expect(eventsOf(example).slice(1)).toEqual([
        `${LOCK_STATE} HOLDOVER -17`,
        `${LOCK_STATE} FREERUN 1234567`,
        `${LOCK_STATE} LOCKED 3`,
      ]);
    } finally {
      example.process.kill('SIGTERM');
    }
    expect(await example.ended).toBe(0);
    expect(example.lines.filter((line) => line.startsWith('deleted '))).toHaveLength(3);
    expect(await subscriptions()).toEqual([]);
  });

  it('says why it is not subscribed', async () => {
    const example = start('no_node');
    expect(await example.ended).toBe(1);
    expect(example.lines.at(-1)).toMatch(/^not subscribed: "no_node" is no node name/);
  });
});

describe('an example that cannot do what it is asked', () => {
  it.each<[string, string, string[], Record<string, string>, RegExp]>([
    ['no port', 'node', ['dist/examples/consumer.js', '--port', 'x'], {}, /^--port is a port, got "x"$/],
    [
      'no URL',
      'node',
      ['dist/examples/consumer.js', '--gateway', 'gw:1'],
      {},
      /^--gateway is a URL such as .*, got "gw:1"$/,
    ],
    [
      'no URL',
      'python3',
      ['examples/consumer.py', '--gateway', 'gw:1'],
      {},
      /^--gateway is a URL such as .*, got gw:1$/,
    ],
    [
      'not ours',
      'python3',
      ['examples/consumer.py', '--host', '192.0.2.1'],
      {},
      /^cannot listen on 192\.0\.2\.1, port 0: /,
    ],
    ['no URL', 'node', ['examples/subscribe.mjs'], { NATS_URL: 'a b' }, /^NATS_URL is no nats:\/\/host:port: a b\. /],
    [
      'no broker',
      'node',
      ['examples/subscribe.mjs'],
      { NATS_URL: '127.0.0.1:1' },
      /^No broker at 127\.0\.0\.1:1: .*ECONNREFUSED/,
    ],
  ])('(%s: %s %j) says so in one line, with exit code 1', async (_, command, args, env, sentence) => {
    const example = run(command, args, env);
    expect(await example.ended).toBe(1);
    expect(example.lines).toEqual([expect.stringMatching(sentence)]);
  });

  it('(a consumer whose port is taken) says which option names another one', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const example = run('node', ['dist/examples/consumer.js', '--port', String(port)]);
    expect(await example.ended).toBe(1);
    expect(example.lines).toEqual([`port ${port} is in use: name another one with --port, or 0 for any free one`]);
    await new Promise((resolve) => void other.close(resolve));
  });

  it('(a consumer without a gateway) says what it waits for, once', async () => {
    const example = run('node', ['dist/examples/consumer.js', '--gateway', 'http://127.0.0.1:9', '--port', '0']);
    await eventually(() => example.lines.length > 0);
    example.process.kill('SIGTERM');
    expect(await example.ended).toBe(0);
    expect(example.lines).toEqual([expect.stringMatching(/^waiting for the gateway at http:\/\/127\.0\.0\.1:9\//)]);
  });

  it('(a subscriber whose broker goes away) ends with exit code 1', async () => {
    const broker = createServer((socket) => socket.resume().end('INFO {}\r\n'));
    await new Promise<void>((resolve) => void broker.listen(0, '127.0.0.1', resolve));
    const url = `nats://127.0.0.1:${(broker.address() as AddressInfo).port}`;
    const example = run('node', ['examples/subscribe.mjs'], { NATS_URL: url });
    expect(await example.ended).toBe(1);
    expect(example.lines).toEqual([expect.stringContaining(`The broker at ${url} has closed the connection.`)]);
    await new Promise((resolve) => void broker.close(resolve));
  });

  it('(a consumer whose output nobody reads any more) unsubscribes, and ends well', async () => {
    const broker = await startBroker();
    const gateway = await startTestGateway(broker.url);
    const publisher = await startPublisher(broker.url);
    const example = run('node', ['dist/examples/consumer.js', '--gateway', gateway.url, '--node', NODE, '--port', '0']);
    const subscriptions = async (): Promise<unknown[]> =>
      (await (await fetch(`${gateway.api}/subscriptions`)).json()) as unknown[];
    await eventually(() => example.lines.length > 0);
    example.process.stdout?.destroy();
    await eventually(async () => {
      await publisher.lockState(NODE, 'LOCKED', 0);
      return (await subscriptions()).length === 0;
    });
    expect(await example.ended).toBe(0);
    await publisher.close();
    await gateway.stop();
    await broker.close();
  });
});
