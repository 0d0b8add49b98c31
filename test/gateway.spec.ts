import { startBroker, type Broker } from './support/broker.js';
import { startConsumer, type Consumer } from './support/consumer.js';
import { eventually } from './support/eventually.js';
import { startPublisher, type Publisher } from './support/publisher.js';
import { startTestGateway, subscribe, type Gateway } from './support/services.js';

const LOCK_STATE = '/sync/ptp-status/lock-state';

describe('a consumer subscribed to a lock state', () => {
  let broker: Broker;
  let gateway: Gateway;
  let consumer: Consumer;
  let publisher: Publisher;

  beforeAll(async () => {
    broker = await startBroker();
    gateway = await startTestGateway(broker.url);
    publisher = await startPublisher(broker.url);
  });
  beforeEach(async () => {
    consumer = await startConsumer();
  });
  afterEach(async () => {
    await consumer.close();
  });
  afterAll(async () => {
    await publisher.close();
    await gateway.stop();
    await broker.close();
  });

  it('is posted each event in the form v1 consumers read, with both sets of names', async () => {
    const answer = await subscribe(gateway.api, `/cluster/node/a1.example${LOCK_STATE}`, consumer.url);
    expect(answer.status).toBe(201);
    const { id } = (await answer.json()) as { id: string };

    const event = await publisher.lockState('a1.example', 'LOCKED', -17);
    const { headers, event: pushed } = await eventually(() => consumer.accepted[0]);

    expect(pushed).toEqual({
      id: event.id,
      type: 'event.sync.ptp-status.ptp-state-change',
      source: `/cluster/node/a1.example${LOCK_STATE}`,
      dataContentType: 'application/json',
      time: event.time,
      data: {
        version: '1.0',
        values: [
          {
            ResourceAddress: '/cluster/node/a1.example/ens1fx/master',
            data_type: 'notification',
            value_type: 'enumeration',
            resource: '/cluster/node/a1.example/ens1fx/master',
            dataType: 'notification',
            valueType: 'enumeration',
            value: 'LOCKED',
          },
          {
            ResourceAddress: '/cluster/node/a1.example/ens1fx/master',
            data_type: 'metric',
            value_type: 'decimal64.3',
            resource: '/cluster/node/a1.example/ens1fx/master',
            dataType: 'metric',
            valueType: 'decimal64.3',
            value: '-17',
          },
        ],
      },
    });
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'ptp-subscription-id': id,
      'ptp-sequence': event.sequence,
      'ptp-attempt': '1',
      traceparent: event.traceparent,
    });
  });
});
