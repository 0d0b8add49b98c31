import { FakeClock } from '../../../test/support/fakeClock.js';
import { FineClock } from '../../shared/clock.js';
import type { Receipt } from '../../shared/messages.js';
import type { LoggedEvent } from '../delivery/log.js';
import { Receipts } from './receipts.js';
import type { Sender } from './sender.js';

function start() {
  const clock = new FakeClock();
  const sent: { subject: string; receipt: Receipt; atMs: number }[] = [];
  const counts = { sent: 0, sampled: 0, dropped: 0 };
  const broker = { isThere: true };
  const startMs = clock.monotonic();
  const receipts = new Receipts({
    sender: {
      canSend: () => broker.isThere,
      send: (subject: string, receipt: Receipt) => sent.push({ subject, receipt, atMs: clock.monotonic() - startMs }),
    } as unknown as Sender,
    clock,
    wall: new FineClock(clock),
    scope: 'green',
    gateway: 'g1',
    count: (outcome, n) => (counts[outcome] += n),
  });
  const read = (subject: string, path: string, id: string, matches = 1): void => {
    const event = { subject, path, node: 'n1', event: { id } } as LoggedEvent;
    receipts.read(event, { ms: clock.monotonic(), atMs: clock.now(), stalledMs: 0 }, matches);
  };
  return {
    clock,
    sent,
    counts,
    broker,
    receipts,
    readEvent: (id: string, matches?: number) =>
      read('ptp.events.n1.sync.sync-status.sync-state', '/sync/sync-status/sync-state', id, matches),
    readCanary: (id: string) => read('ptp.canary.n1', '/canary', id),
  };
}

describe('receipts', () => {
  it('go at once after a pause, later ones together with the next write, and say how long they waited', () => {
    const { clock, sent, counts, receipts, readEvent } = start();
    readEvent('e1', 3);
    clock.advance({ ms: 1 });
    readEvent('e2');
    clock.advance({ ms: 3 });
    readEvent('e3');
    expect(sent).toHaveLength(1);
    clock.advance({ ms: 10 });
    receipts.stop();

    expect(sent.map(({ receipt: { event, heldMs }, atMs }) => [event, heldMs, atMs])).toEqual([
      ['e1', 0, 0],
      ['e2', 4, 5],
      ['e3', 1, 5],
    ]);
    expect(sent[0]).toMatchObject({
      subject: 'ptp.receipts.n1',
      receipt: { scope: 'green', gateway: 'g1', tail: { matches: 3, others: 0, otherMatches: 0 } },
    });
    expect(counts).toEqual({ sent: 3, sampled: 0, dropped: 0 });
  });

  it('stand for others of their kind above the rate; a canary never for an event', () => {
    const { clock, sent, counts, receipts, readEvent, readCanary } = start();
    for (let n = 0; n < 1_005; n += 1) readEvent(`e${n}`, 2);
    readCanary('c1');
    readCanary('c2');
    clock.advance({ seconds: 1 });
    readEvent('last', 2);
    receipts.stop();

    const { receipt: events } = sent.find(({ receipt }) => receipt.event === 'e1004') ?? {};
    expect(events?.tail).toMatchObject({ matches: 2, others: 4, otherMatches: 8 });
    expect(events?.heldMs).toBe(1_000);
    const { receipt: canaries } = sent.find(({ receipt }) => receipt.event === 'c2') ?? {};
    expect(canaries?.tail).toMatchObject({ others: 1, otherMatches: 1 });
    expect(counts).toEqual({ sent: 1_003, sampled: 5, dropped: 0 });
  });

  it('are dropped while the broker is away, what waited before is told afterwards', () => {
    const { clock, sent, counts, broker, receipts, readEvent } = start();
    for (let n = 0; n < 1_002; n += 1) readEvent(`e${n}`);
    clock.advance({ ms: 10 });
    broker.isThere = false;
    readEvent('nobody');
    clock.advance({ seconds: 2 });
    broker.isThere = true;
    readEvent('back');
    receipts.stop();

    expect(sent.map(({ receipt }) => receipt.event)).not.toContain('nobody');
    const stoodFor = sent.reduce((sum, { receipt }) => sum + 1 + (receipt.tail?.others ?? 0), 0);
    expect(stoodFor).toBe(1_003);
    expect(counts).toEqual({ sent: sent.length, sampled: 1_003 - sent.length, dropped: 1 });
  });
});
