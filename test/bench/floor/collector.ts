// The least that a collector of this architecture does: a line of the socket becomes two events, one at a time per subject.
// node collector.js <broker URL> <socket path>; prints a line when it listens.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { MAX_OFFSET_NS } from '../lines.js';

const [brokerUrl = '', socketPath = ''] = process.argv.slice(2);
const NODE = 'bench-node';
const RESOURCES = [
  { path: '/sync/ptp-status/lock-state', type: 'event.sync.ptp-status.ptp-state-change' },
  { path: '/sync/sync-status/sync-state', type: 'event.sync.sync-status.synchronization-state-change' },
].map(({ path, type }) => ({
  type,
  source: `/cluster/node/${NODE}${path}`,
  subject: `ptp.events.${NODE}${path.replaceAll('/', '.')}`,
  waiting: [] as string[],
  isSending: false,
}));

async function main(): Promise<void> {
  const js = jetstream(await connect({ servers: brokerUrl }));
  const send = async (lane: (typeof RESOURCES)[number]): Promise<void> => {
    lane.isSending = true;
    for (let at = 0; at < lane.waiting.length; at += 1) {
      const body = lane.waiting[at] ?? '';
      await js.publish(lane.subject, body, { msgID: body.slice(7, 43) });
    }
    lane.waiting = [];
    lane.isSending = false;
  };
  let sequence = Date.now();
  const take = (line: string): void => {
    const offset = Number(/ offset +(-?\d+) /.exec(line)?.[1]);
    if (Number.isNaN(offset)) return;
    sequence += 1;
    const state = Math.abs(offset) < MAX_OFFSET_NS ? 'LOCKED' : 'FREERUN';
    for (const lane of RESOURCES) {
      const value = (data_type: string, value_type: string, text: string) => ({
        ResourceAddress: `/cluster/node/${NODE}/ens1fx/master`,
        data_type,
        value_type,
        value: text,
      });
      const event = {
        id: randomUUID(),
        source: lane.source,
        type: lane.type,
        specversion: '1.0',
        datacontenttype: 'application/json',
        time: new Date().toISOString(),
        sequence: String(sequence),
        data: {
          version: '1.0',
          values: [value('notification', 'enumeration', state), value('metric', 'decimal64.3', String(offset))],
        },
      };
      lane.waiting.push(JSON.stringify(event));
      if (!lane.isSending) void send(lane);
    }
  };
  createServer((socket) => {
    let rest = '';
    socket.setEncoding('utf8');
    socket.on('error', () => {});
    socket.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      lines.forEach(take);
    });
  }).listen(socketPath, () => process.stdout.write('ready\n'));
}

void main();
