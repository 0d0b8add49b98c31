import { spawn, type ChildProcess } from 'node:child_process';
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

/** Runs an example as its reader would, and collects what it prints. */
function run(command: string, args: string[]): Example {
  const child = spawn(command, args, {
    cwd: join(__dirname, '..'),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
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
