import { startBroker } from './support/broker.js';
import { startConsumer } from './support/consumer.js';
import { loadContract } from './support/contract.js';
import { startNode } from './support/node.js';
import { startTestGateway } from './support/services.js';

const RESOURCE = '/cluster/node/n1/sync/ptp-status/lock-state';
const HEADERS = { 'content-type': 'application/json' };

describe('the contract', () => {
  it('has an operation for each thing a client does, and each succeeds as it says', async () => {
    const contract = await loadContract();
    const broker = await startBroker();
    const gateway = await startTestGateway(broker.url, { PUBLISHER_API: 'enabled' });
    const node = await startNode(broker.url, 'n1', 'LOCKED');
    const consumer = await startConsumer();
    try {
      const send = (method: string, path: string, body?: object, base = gateway.api): Promise<Response> =>
        contract.fetch(`${base}${path}`, { method, ...(body && { headers: HEADERS, body: JSON.stringify(body) }) });
      const made = async (path: string, resource: string): Promise<string> => {
        const answer = await send('POST', path, { resource, endpointUri: consumer.url });
        return ((await answer.json()) as { id: string }).id;
      };

      const subscription = await made('/subscriptions', RESOURCE);
      await send('GET', '/subscriptions');
      await send('GET', `/subscriptions/${subscription}`);
      await send('GET', `/subscriptions/${subscription}/deadletters`);
      await send('PUT', `/subscriptions/status/${subscription}`);
      await send('DELETE', `/subscriptions/${subscription}`);
      await send('DELETE', '/subscriptions');

      const publisher = await made('/publishers', RESOURCE.replace('n1', 'n2'));
      await send('GET', '/publishers');
      await send('GET', `/publishers/${publisher}`);
      await send('POST', '/create/event', {
        id: publisher,
        type: 'event.sync.ptp-status.ptp-state-change',
        data: {
          values: [
            {
              ResourceAddress: '/cluster/node/n2/ens1fx/master',
              data_type: 'notification',
              value_type: 'enumeration',
              value: 'LOCKED',
            },
          ],
        },
      });
      await send('DELETE', `/publishers/${publisher}`);
      await send('DELETE', '/publishers');

      await send('GET', `${RESOURCE}/CurrentState`);
      await send('GET', '/health');
      for (const path of ['/livez', '/readyz', '/metrics', '/openapi.json']) {
        await send('GET', path, undefined, gateway.url);
      }

      expect(contract.unseen()).toEqual([]);
    } finally {
      await consumer.close();
      await node.close();
      await gateway.stop();
      await broker.close();
    }
  });
});
