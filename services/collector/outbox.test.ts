import fc from 'fast-check';
import { FakeClock } from '../../test/support/fakeClock.js';
import type { Journey } from './journeys.js';
import { Outbox, type Outgoing, type Sent } from './outbox.js';

const event = (id: number, subject: string, clock = ''): Outgoing => ({
  id: String(id),
  subject,
  body: '',
  headers: {},
  clock,
  journey: {} as Journey,
});

/** A bus that a test answers for. */
function world(limit = 1_000) {
  const clock = new FakeClock();
  const open: { event: Outgoing; answer: (sent: Sent) => void }[] = [];
  const attempts: Outgoing[] = [];
  const stored: Outgoing[] = [];
  const dropped: { event: Outgoing; why: string }[] = [];
  const outbox = new Outbox({
    clock,
    limit,
    send: (one) => {
      attempts.push(one);
      return new Promise((answer) => open.push({ event: one, answer }));
    },
    onStored: (one) => stored.push(one),
    onDropped: (one, why) => dropped.push({ event: one, why }),
  });
  /** Answers the oldest open attempt. */
  const answer = async (sent: Sent): Promise<void> => {
    open.shift()?.answer(sent);
    await Promise.resolve();
    await Promise.resolve();
  };
  return { clock, outbox, open, attempts, stored, dropped, answer };
}

const ids = (events: Outgoing[]): string[] => events.map(({ id }) => id);

describe('the outbox', () => {
  it('has at most one event of a subject under way, and does not make subjects wait for one another', async () => {
    const { outbox, open, answer } = world();
    for (const one of [event(1, 'a'), event(2, 'a'), event(3, 'b')]) outbox.add(one);
    expect(open.map((attempt) => attempt.event.id)).toEqual(['1', '3']);
    await answer('stored');
    expect(open.map((attempt) => attempt.event.id)).toEqual(['3', '2']);
  });

  it('tries the same event again after a pause that grows, and at once when the bus is back', async () => {
    const { clock, outbox, attempts, answer } = world();
    outbox.add(event(1, 'a'));
    await answer('retry');
    clock.advance({ ms: 99 });
    expect(attempts).toHaveLength(1);
    clock.advance({ ms: 1 });
    expect(attempts).toHaveLength(2);
    await answer('retry');
    clock.advance({ ms: 199 });
    expect(attempts).toHaveLength(2);
    outbox.retryNow();
    expect(ids(attempts)).toEqual(['1', '1', '1']);
  });

  it('goes on behind an event that is refused for good', async () => {
    const { outbox, stored, dropped, answer } = world();
    outbox.add(event(1, 'a'));
    outbox.add(event(2, 'a'));
    await answer('refused');
    await answer('stored');
    expect(ids(stored)).toEqual(['2']);
    expect(dropped).toEqual([{ event: event(1, 'a'), why: 'refused' }]);
  });

  it('drops the oldest superseded event when it is full, and keeps the newest of every clock', async () => {
    const { outbox, stored, dropped, open, answer } = world(4);
    const told = [
      event(1, 'a', 'x'),
      event(2, 'a', 'y'),
      event(3, 'a', 'x'),
      event(4, 'a', 'x'),
      event(5, 'a', 'x'),
      event(6, 'a', 'x'),
    ];
    for (const one of told) outbox.add(one);
    // 1 is under way, 2 is the newest of y.
    expect(dropped.map((one) => [one.event.id, one.why])).toEqual([
      ['3', 'superseded'],
      ['4', 'superseded'],
    ]);
    while (open.length > 0) await answer('stored');
    expect(ids(stored)).toEqual(['1', '2', '5', '6']);
  });

  it('is drained once nothing waits', async () => {
    const { outbox, answer } = world();
    await outbox.drained();
    outbox.add(event(1, 'a'));
    let isDrained = false;
    const drained = outbox.drained().then(() => (isDrained = true));
    await answer('retry');
    expect(isDrained).toBe(false);
    outbox.retryNow();
    await answer('stored');
    await drained;
    expect(isDrained).toBe(true);
  });

  it('publishes every event in the order of its subject or counts it as superseded, whatever the bus answers', async () => {
    const steps = fc.oneof(
      { weight: 3, arbitrary: fc.record({ add: fc.constantFrom('a', 'b', 'c'), clock: fc.constantFrom('x', 'y') }) },
      { weight: 3, arbitrary: fc.record({ answer: fc.constantFrom<Sent>('stored', 'retry', 'refused') }) },
      { weight: 1, arbitrary: fc.record({ passMs: fc.integer({ min: 1, max: 10_000 }) }) },
      { weight: 1, arbitrary: fc.constant({ back: true }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { maxLength: 120 }), fc.integer({ min: 6, max: 12 }), async (script, limit) => {
        const { clock, outbox, open, stored, dropped, answer } = world(limit);
        const added: Outgoing[] = [];
        for (const step of script) {
          if ('add' in step) {
            const one = event(added.length, step.add, step.clock);
            added.push(one);
            outbox.add(one);
          } else if ('answer' in step) await answer(step.answer);
          else if ('passMs' in step) clock.advance({ ms: step.passMs });
          else outbox.retryNow();
          const underWay = open.map((attempt) => attempt.event.subject);
          expect(new Set(underWay).size).toBe(underWay.length);
          // One event more per lane may be under way, which is never dropped.
          expect(outbox.depth).toBeLessThanOrEqual(limit + 3);
        }
        // The bus is well at last.
        while (outbox.depth > 0) {
          outbox.retryNow();
          await answer('stored');
        }
        const settled = [...ids(stored), ...ids(dropped.map((one) => one.event))];
        expect(settled.map(Number).toSorted((a, b) => a - b)).toEqual(added.map((one) => Number(one.id)));
        for (const subject of ['a', 'b', 'c']) {
          const order = stored.filter((one) => one.subject === subject).map(({ id }) => Number(id));
          expect(order).toEqual(order.toSorted((a, b) => a - b));
        }
        for (const one of dropped.filter(({ why }) => why === 'superseded')) {
          const newer = added.some(
            ({ id, subject, clock: whose }) =>
              Number(id) > Number(one.event.id) && subject === one.event.subject && whose === one.event.clock,
          );
          expect(newer).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });
});
