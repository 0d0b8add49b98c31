import { connect } from '@nats-io/transport-node';
import { startBroker, type Broker } from './support/broker.js';
import { NODE, NodeFiles, startTestCollector, type TestCollector } from './support/collector.js';

interface Info {
  name: string;
  type: string;
  version: string;
  endpoints?: { name: string; subject: string; num_requests?: number }[];
}

describe('the query service of a collector', () => {
  let broker: Broker;
  let files: NodeFiles;
  let collector: TestCollector;

  beforeEach(async () => {
    broker = await startBroker();
    files = new NodeFiles();
    collector = await startTestCollector(broker.url, files);
  });
  afterEach(async () => {
    await collector.stop();
    files.remove();
    await broker.close();
  });

  it.each(['PING', 'INFO', 'STATS'])('is found by who looks for micro-services: %s', async (verb) => {
    const tool = await connect({ servers: broker.url });
    try {
      const answer = (await tool.request(`$SRV.${verb}.ptp-collector`, '')).json<Info>();
      expect(answer).toMatchObject({ name: 'ptp-collector', type: `io.nats.micro.v1.${verb.toLowerCase()}_response` });
      if (verb === 'PING') return;
      const subjects = (answer.endpoints ?? []).map(({ subject }) => subject);
      expect(subjects).toEqual([`ptp.query.${NODE.replaceAll('.', '_')}.>`]);
    } finally {
      await tool.close();
    }
  });
});
