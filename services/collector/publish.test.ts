import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { pino } from 'pino';
import { startBroker } from '../../test/support/broker.js';
import { FakeClock } from '../../test/support/fakeClock.js';
import { Acks } from './acks.js';
import type { Journey } from './journeys.js';
import { createSender } from './publish.js';

describe('an event for the bus', () => {
  it.each([
    ['a body beyond the contract', 'x'.repeat(65_537), {}],
    ['a body of many bytes a character', '€'.repeat(21_846), {}],
    ['headers beyond the contract', '{}', { 'Ptp-Clock': 'x'.repeat(4_096) }],
    ['a header that is none', '{}', { 'Ptp-Clock': 'a\r\nb' }],
  ])('with %s is refused, and what the broker says decides nothing', async (_, body, headers) => {
    const broker = await startBroker();
    const connection = await connect({ servers: broker.url });
    try {
      const jsm = await jetstreamManager(connection);
      const send = createSender({
        acks: new Acks(connection, 2_000),
        jsm,
        clock: new FakeClock(),
        log: pino({ level: 'silent' }),
        isConnected: () => true,
        onFailed: () => undefined,
        onNoStream: () => undefined,
        onPublished: () => undefined,
        onAttempt: () => ({}),
        stream: undefined,
      });
      const event = { id: 'e1', subject: 's', clock: '', journey: {} as Journey };
      expect(await send({ ...event, body, headers })).toBe('refused');
      expect(await send({ ...event, body: 'x'.repeat(65_536), headers: {} })).toBe('retry');
      await jsm.streams.add({ name: 'S', subjects: ['s'], max_msg_size: 100 });
      expect(await send({ ...event, body: 'x'.repeat(200), headers: {} })).toBe('retry');
      expect(await send({ ...event, body: '{}', headers: {} })).toBe('stored');
    } finally {
      await connection.close();
      await broker.close();
    }
  });
});
