import { setImmediate as turn } from 'node:timers/promises';
import { PermissionViolationError, type NatsConnection, type Status } from '@nats-io/transport-node';
import { pino } from 'pino';
import { bus } from '../../shared/contract/bus.js';
import { Sender } from './sender.js';

const { receipts, gateways } = bus.subjects;

const forbidden = (subject: string): object => ({
  type: 'error',
  error: new PermissionViolationError('no', 'publish', subject),
});

function start() {
  const published: [string, string][] = [];
  const warnings: unknown[] = [];
  let tell: ((status: Status) => void) | undefined;
  const broker = {
    isClosed: () => false,
    isDraining: () => false,
    publish: (subject: string, message: string) => published.push([subject, message]),
    async *status() {
      for (;;) yield await new Promise<Status>((resolve) => (tell = resolve));
    },
  };
  const log = pino({ level: 'warn' }, { write: (line: string) => warnings.push(JSON.parse(line)) });
  const sender = new Sender(broker as unknown as NatsConnection, log);
  const happens = async (status: object): Promise<void> => {
    tell?.(status as Status);
    await turn();
  };
  return { sender, published, warnings, happens };
}

describe('what is worth nothing later', () => {
  it('may be sent while the broker is there', async () => {
    const { sender, published, happens } = start();
    expect(sender.canSend(receipts)).toBe(true);
    sender.send(`${receipts}.n1`, { event: 'e1' });
    expect(published).toEqual([['ptp.receipts.n1', '{"event":"e1"}']]);
    await happens({ type: 'disconnect', server: 'a' });
    expect(sender.canSend(receipts)).toBe(false);
    await happens({ type: 'reconnect', server: 'a' });
    expect(sender.canSend(receipts)).toBe(true);
  });

  it('is not sent again when the broker forbids it, said once, until the next connection', async () => {
    const { sender, warnings, happens } = start();
    await happens(forbidden('ptp.receipts.n1'));
    await happens(forbidden('ptp.receipts.n2'));
    await happens({ type: 'error', error: new Error('something else') });
    expect([sender.canSend(receipts), sender.canSend(gateways)]).toEqual([false, true]);
    expect(warnings).toHaveLength(1);
    await happens({ type: 'reconnect', server: 'a' });
    expect(sender.canSend(receipts)).toBe(true);
  });
});
