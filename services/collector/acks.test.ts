import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect, headers, type NatsConnection } from '@nats-io/transport-node';
import { startBroker, type Broker } from '../../test/support/broker.js';
import { Acks, type Answer } from './acks.js';

const publish = (acks: Acks, subject: string, body = '{}'): Promise<Answer> =>
  new Promise((resolve) => acks.publish(subject, body, headers(), resolve));

describe('acknowledgements of a stream', () => {
  let broker: Broker;
  let connection: NatsConnection;
  let jsm: JetStreamManager;

  beforeEach(async () => {
    broker = await startBroker();
    connection = await connect({ servers: broker.url });
    jsm = await jetstreamManager(connection);
  });
  afterEach(async () => {
    await connection.close();
    await broker.close();
  });

  it('come to each message, whatever their order', async () => {
    await jsm.streams.add({ name: 'S', subjects: ['s.*'] });
    const acks = new Acks(connection, 10_000);
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => publish(acks, `s.${i % 7}`)));
    expect(answers).toEqual(Array(100).fill(undefined));
    expect((await jsm.streams.info('S')).state.messages).toBe(100);
  });

  it('do not come when no stream keeps the subject, or the stream refuses', async () => {
    await jsm.streams.add({ name: 'S', subjects: ['s'], max_msg_size: 10 });
    const acks = new Acks(connection, 10_000);
    expect(await publish(acks, 'other')).toMatchObject({ reason: 'no_stream' });
    expect(await publish(acks, 's', 'x'.repeat(11))).toMatchObject({ reason: 'answered' });
  });

  it.each(['garbage', '', '{}', 'null', '[]', '{"stream":""}', '{"stream":7}'])(
    'are no other answers: %s',
    async (text) => {
      connection.subscribe('s', { callback: (_, message) => void message.respond(text) });
      expect(await publish(new Acks(connection, 10_000), 's')).toMatchObject({ reason: 'no_answer' });
    },
  );

  it('are waited for so long, each message by itself, and nobody is told twice', async () => {
    const told: Answer[] = [];
    const replies: (() => void)[] = [];
    connection.subscribe('s', {
      callback: (_, message) => void replies.push(() => void message.respond('{"stream":"S","seq":1}')),
    });
    const acks = new Acks(connection, 50);
    await new Promise<void>((resolve) =>
      acks.publish('s', '1', headers(), (answer) => {
        told.push(answer);
        resolve();
      }),
    );
    for (const reply of replies) reply();
    await connection.flush();
    expect(told).toEqual([{ reason: 'no_answer', message: 'no acknowledgement within 50 ms' }]);
    expect(await publish(acks, 's', '2')).toMatchObject({ reason: 'no_answer' });
  });

  it('are not waited for on a connection that is closed', async () => {
    const acks = new Acks(connection, 10_000);
    await connection.close();
    expect(await publish(acks, 's')).toMatchObject({ reason: 'no_answer' });
  });
});
