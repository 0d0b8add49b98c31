import { PlayedLanes } from '../../../test/support/deliveries.js';
import { FakeClock } from '../../../test/support/fakeClock.js';
import { makeEvent, newTraceparent } from '../../shared/event.js';
import type { DeliveryReceipt } from '../../shared/messages.js';
import type { LoggedEvent } from '../delivery/log.js';
import { Timing } from './timing.js';

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
  const timing = new Timing({
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
  return { clock, told, read, timing, logged, fromLog, lanes: new PlayedLanes() };
}

describe('the timing of a delivery', () => {
  it('has the times before, between and in its attempts, by one clock', () => {
    const { clock, told, timing, logged, lanes } = start();
    const delivery = lanes.delivery(event, logged);
    const readMs = clock.monotonic();
    Object.assign(delivery, {
      attempt: 2,
      firstPostMs: readMs + 5,
      postMs: readMs + 10_345,
      answeredMs: readMs + 10_352,
    });
    timing.settled(delivery, 'retried');
    expect(told).toEqual([
      { subscription: 's1', outcome: 'retried', attempts: 2, queueMs: 5, retryMs: 10_340, postMs: 7 },
    ]);
  });

  it.each(['too_old', 'dead_letter'] as const)(
    'that ends as %s says so, without a time in the queue when the tail has not read it',
    (outcome) => {
      const { clock, told, timing, fromLog, lanes } = start();
      const delivery = lanes.delivery(event, fromLog);
      const nowMs = clock.monotonic();
      Object.assign(delivery, { attempt: 1, firstPostMs: nowMs, postMs: nowMs, answeredMs: nowMs + 3 });
      timing.settled(delivery, outcome);
      expect(told).toEqual([{ subscription: 's1', outcome, attempts: 1, retryMs: 0, postMs: 3 }]);
    },
  );

  it('is not told of a current state, nor of a reading that was none of the tail', () => {
    const { told, read, timing, logged, fromLog, lanes } = start();
    const state = lanes.delivery(event);
    expect(timing.traceparentOf(state)).toBe(event.traceparent);
    timing.settled(state, 'delivered');
    timing.matched(logged, 3);
    timing.matched(fromLog, 3);
    expect(told).toEqual([]);
    expect(read).toEqual([3]);
  });
});
