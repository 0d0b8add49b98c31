// The least that a gateway of this architecture does: a push consumer of one resource, one POST at a time.
// node gateway.js <broker URL> <endpoint URL>; prints a line when it reads.
import { AckPolicy, DeliverPolicy, jetstreamManager } from '@nats-io/jetstream';
import { connect, createInbox, nanos } from '@nats-io/transport-node';
import { Agent } from 'undici';

const [brokerUrl = '', endpoint = ''] = process.argv.slice(2);
const STREAM = 'PTP_EVENTS';

async function main(): Promise<void> {
  const broker = await connect({ servers: brokerUrl });
  const jsm = await jetstreamManager(broker);
  await jsm.streams.add({
    name: STREAM,
    subjects: ['ptp.events.>'],
    duplicate_window: nanos(600_000),
    allow_direct: true,
  });
  const { origin, pathname } = new URL(endpoint);
  const agent = new Agent({ connections: 16, pipelining: 1 });
  const waiting: Uint8Array[] = [];
  let isPosting = false;
  const postAll = async (): Promise<void> => {
    isPosting = true;
    for (let data = waiting.shift(); data !== undefined; data = waiting.shift()) {
      const { id, type, source, time, sequence, data: content } = JSON.parse(Buffer.from(data).toString('utf8'));
      const body = JSON.stringify({ id, type, source, dataContentType: 'application/json', time, data: content });
      const headers = { 'content-type': 'application/json', 'ptp-sequence': sequence };
      const answer = await agent.request({ origin, path: pathname, method: 'POST', headers, body });
      await answer.body.dump();
    }
    isPosting = false;
  };
  const inbox = createInbox();
  broker.subscribe(inbox, {
    callback(_, { data, reply }) {
      if (!reply?.startsWith('$JS.ACK.')) {
        // Flow control asks to be answered.
        if (reply) broker.publish(reply);
        return;
      }
      waiting.push(data);
      if (!isPosting) void postAll();
    },
  });
  await jsm.consumers.add(STREAM, {
    deliver_subject: inbox,
    filter_subject: 'ptp.events.*.sync.ptp-status.lock-state',
    deliver_policy: DeliverPolicy.New,
    ack_policy: AckPolicy.None,
    flow_control: true,
    idle_heartbeat: nanos(1_000),
    mem_storage: true,
  });
  process.stdout.write('ready\n');
}

void main();
