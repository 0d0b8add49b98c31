import { FakeClock } from '../../../test/support/fakeClock.js';
import { makeEvent, newTraceparent } from '../../shared/event.js';
import type { DeliveryReceipt } from '../../shared/messages.js';
import type { LoggedEvent } from '../delivery/log.js';
import type { SubscriptionRecord } from '../subscriptions/record.js';
import { Journeys } from './journeys.js';

const record = { id: 's1' } as SubscriptionRecord;
const event = makeEvent({
  id: 'e1',
  source: '/cluster/node/n1/sync/ptp-status/lock-state',
  type: 'event.sync.ptp-status.ptp-state-change',
  time: '2026-03-01T12:00:00.000Z',
  sequence: '1',
  traceparent: newTraceparent(),
  data: { version: '1.0', values: [] },
});

function start() {
  const clock = new FakeClock();
  const told: Omit<DeliveryReceipt, 'weight'>[] = [];
  const read: number[] = [];
  const journeys = new Journeys({
    clock,
    receipts: { read: (_, __, matches) => read.push(matches), delivered: (_, delivery) => told.push(delivery) },
    spans: undefined,
  });
  const logged: LoggedEvent = {
    seq: 1,
    subject: 'ptp.events.n1.sync.ptp-status.lock-state',
    node: 'n1',
    path: '/sync/ptp-status/lock-state',
    storedAtMs: clock.now(),
    received: { ms: clock.monotonic(), atMs: clock.now(), stalledMs: 0 },
    event,
  };
  const { received: _, ...fromLog } = logged;
  return { clock, told, read, journeys, logged, fromLog };
}

describe('the journey of an event', () => {
  it('has the times before, between and in its attempts, by one clock', () => {
    const { clock, told, journeys, logged } = start();
    const item = { event, logged };
    const first = journeys.attempt(record, item, 1);
    clock.advance({ ms: 5 });
    expect(first.began()).toBe(event.traceparent);
    clock.advance({ ms: 10_000 });
    first.ended('timeout');
    clock.advance({ ms: 300 });
    const second = journeys.attempt(record, item, 2);
    clock.advance({ ms: 40 });
    second.began();
    clock.advance({ ms: 7 });
    second.ended(204);
    clock.advance({ ms: 1 });
    journeys.ended(record, item, { kind: 'delivered', attempts: 2, missed: 0 });

    expect(told).toEqual([
      { subscription: 's1', outcome: 'retried', attempts: 2, queueMs: 5, retryMs: 10_340, postMs: 7 },
    ]);
  });

  it.each([
    [{ kind: 'too old' } as const, 'too_old'],
    [{ kind: 'dead letter' } as const, 'dead_letter'],
  ])('that ends as %p says so, without a time in the queue when the tail has not read it', (end, outcome) => {
    const { clock, told, journeys, fromLog } = start();
    const item = { event, logged: fromLog };
    const watch = journeys.attempt(record, item, 1);
    watch.began();
    clock.advance({ ms: 3 });
    watch.ended('connection');
    journeys.ended(record, item, end);
    expect(told).toEqual([{ subscription: 's1', outcome, attempts: 1, retryMs: 0, postMs: 3 }]);
  });

  it('is another one for each subscription, and begins anew after a stop', () => {
    const { clock, told, journeys, logged } = start();
    const [one, two] = [
      { event, logged },
      { event, logged },
    ];
    for (const [item, ms] of [
      [one, 1],
      [two, 10],
    ] as const) {
      clock.advance({ ms });
      const watch = journeys.attempt(record, item, 1);
      watch.began();
      watch.ended('stopped');
    }
    clock.advance({ ms: 100 });
    const again = journeys.attempt(record, one, 1);
    again.began();
    again.ended(200);
    journeys.ended(record, one, { kind: 'delivered', attempts: 1, missed: 0 });
    expect(told).toEqual([
      { subscription: 's1', outcome: 'delivered', attempts: 1, queueMs: 111, retryMs: 0, postMs: 0 },
    ]);
  });

  it('is not told of a current state, nor of a reading that was none of the tail', () => {
    const { told, read, journeys, logged, fromLog } = start();
    const state = { event };
    const watch = journeys.attempt(record, state, 1);
    expect(watch.began()).toBe(event.traceparent);
    watch.ended(204);
    journeys.ended(record, state, { kind: 'delivered', attempts: 1, missed: 0 });
    journeys.read(logged, 3);
    journeys.read(fromLog, 3);
    expect(told).toEqual([]);
    expect(read).toEqual([3]);
  });
});
