import { pino } from 'pino';
import { FakeClock } from '../../../test/support/fakeClock.js';
import type { SubscriptionRecord } from '../subscriptions/record.js';
import { Deliverer, type DelivererDeps } from './deliverer.js';

const record = {
  id: 's1',
  filter: { node: 'n1', path: '/sync/ptp-status/lock-state' },
  start: 0,
  stream: 's',
} as SubscriptionRecord;

/** The tail is at 10; nothing is in memory, and the broker does not answer. */
const deps = {
  clock: new FakeClock(),
  log: pino({ level: 'silent' }),
  random: () => 0.5,
  heldLimit: 8,
  events: { position: 10, firstStored: 1, recent: () => 'older', stored: () => Promise.reject(new Error('away')) },
  onOwed: () => {},
} as unknown as DelivererDeps;

describe('a subscription that is enabled', () => {
  it.each([
    ['is served and saved all the time', false],
    ['keeps its place also when the gateway stops meanwhile', true],
  ])('%s', async (_, stops) => {
    const deliverer = new Deliverer(deps);
    deliverer.add({ ...record, disabledAt: 'then' }, [5, {}]);
    const saved = (): unknown[] => Array.from(deliverer.cursors(10));

    const enabling = deliverer.enable(record);
    expect(saved()).toEqual([['s1', [5, {}]]]);
    expect(Array.from(deliverer.all())).toHaveLength(1);
    const stopping = stops ? deliverer.stop(0) : undefined;
    await enabling;
    await stopping;
    expect(saved()).toEqual([['s1', [5, {}]]]);
    await deliverer.stop(0);
  });
});
