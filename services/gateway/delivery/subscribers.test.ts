import { pino } from 'pino';
import { FakeClock } from '../../../test/support/fakeClock.js';
import type { SubscriptionRecord } from '../subscriptions/record.js';
import { Subscribers } from './subscribers.js';
import type { LoggedEvent } from './log.js';

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
  onStatesDue: () => {},
} as unknown as ConstructorParameters<typeof Subscribers>[0];

describe('a subscription that is enabled', () => {
  it.each([
    ['is served and saved all the time', false],
    ['keeps its place also when the gateway stops meanwhile', true],
  ])('%s', async (_, stops) => {
    const subscribers = new Subscribers(deps);
    subscribers.add({ ...record, disabledAt: 'then' }, [5, {}]);
    const saved = (): unknown[] => Array.from(subscribers.cursors(10));

    const enabling = subscribers.enable(record);
    expect(saved()).toEqual([['s1', [5, {}]]]);
    expect(Array.from(subscribers.all())).toHaveLength(1);
    const stopping = stops ? subscribers.stop(0) : undefined;
    await enabling;
    await stopping;
    expect(saved()).toEqual([['s1', [5, {}]]]);
    await subscribers.stop(0);
  });
});

describe('the backlog', () => {
  it('counts who has an event that has waited, or is detached; nobody waits for a disabled one', async () => {
    const clock = new FakeClock();
    const waiting = new Subscribers({
      ...deps,
      clock,
      events: { position: 10 },
      push: { start: () => {} },
    } as unknown as ConstructorParameters<typeof Subscribers>[0]);
    waiting.add(record, [10, {}]);
    waiting.add({ ...record, id: 's2', filter: { ...record.filter, node: 'n2' } }, [10, {}]);
    expect(waiting.backlog()).toEqual({ behind: 0, oldestUndeliveredSeconds: 0 });

    const event = { seq: 11, subject: 'x', ...record.filter, storedAtMs: clock.now(), event: { sequence: '1' } };
    for (const one of waiting.matching(event as unknown as LoggedEvent)) one.accept(event as unknown as LoggedEvent);
    clock.advance({ seconds: 9 });
    expect(waiting.backlog()).toEqual({ behind: 0, oldestUndeliveredSeconds: 9 });
    clock.advance({ seconds: 1 });
    expect(waiting.backlog()).toEqual({ behind: 1, oldestUndeliveredSeconds: 10 });

    waiting.update({ ...record, disabledAt: 'now' });
    expect(waiting.backlog()).toEqual({ behind: 0, oldestUndeliveredSeconds: 0 });
  });
});
