import fc from 'fast-check';
import type { PtpEvent } from '../../shared/event.js';
import { LANE_LIMIT, Lane } from './lane.js';
import type { LoggedEvent } from './log.js';

const logged = (seq: number, sequence = seq): LoggedEvent => ({
  seq,
  subject: 'ptp.events.n1.sync.ptp-status.lock-state',
  node: 'n1',
  path: '/sync/ptp-status/lock-state',
  event: { sequence: String(sequence) } as PtpEvent,
});

describe('a lane', () => {
  it('gives what the tail offered, in order', () => {
    const lane = new Lane(10);
    lane.offer(logged(11));
    lane.offer(logged(15));
    expect(lane.head?.seq).toBe(11);
    lane.settle();
    expect(lane.head?.seq).toBe(15);
    lane.settle();
    expect(lane.head).toBeUndefined();
    expect(lane.readFrom).toBeUndefined();
    expect(lane.firstUnsettled).toBeUndefined();
  });

  it('remembers only that there is more when it is full, and asks the log for it', () => {
    const lane = new Lane(0);
    for (let seq = 1; seq <= LANE_LIMIT + 5; seq += 1) lane.offer(logged(seq));
    for (let seq = 1; seq <= LANE_LIMIT; seq += 1) {
      expect(lane.readFrom).toBeUndefined();
      expect(lane.head?.seq).toBe(seq);
      lane.settle();
    }
    expect(lane.head).toBeUndefined();
    expect(lane.readFrom).toBe(LANE_LIMIT + 1);
    expect(lane.firstUnsettled).toBe(LANE_LIMIT + 1);
  });

  it('drops a sequence that it has already had', () => {
    const lane = new Lane(0);
    lane.offer(logged(1, 7));
    lane.offer(logged(2, 7));
    lane.offer(logged(3, 8));
    expect(lane.head?.seq).toBe(1);
    lane.settle();
    expect(lane.head?.seq).toBe(3);
  });

  it('goes on behind what retention took', () => {
    const lane = new Lane(4, 20);
    expect(lane.readFrom).toBe(5);
    lane.read(undefined);
    expect(lane.readFrom).toBeUndefined();
    expect(lane.firstUnsettled).toBeUndefined();
    lane.offer(logged(21));
    expect(lane.head?.seq).toBe(21);
  });

  it('settles every event of the log once and in order, however tail, log and consumer interleave', () => {
    type Step = 'publish' | 'tail' | 'serve';
    const steps = fc.array(
      fc.oneof(
        { weight: 4, arbitrary: fc.constant<Step>('publish') },
        { weight: 4, arbitrary: fc.constant<Step>('tail') },
        { weight: 3, arbitrary: fc.constant<Step>('serve') },
      ),
      { maxLength: 400 },
    );
    // Some events are in the log before the lane begins to look, as after a restart.
    fc.assert(
      fc.property(steps, fc.integer({ min: 0, max: 40 }), (schedule, before) => {
        const log: number[] = [];
        const publish = (): void => void log.push((log.at(-1) ?? 0) + 1 + (log.length % 3));
        for (let i = 0; i < before; i += 1) publish();
        const lane = new Lane(0, log.at(-1) ?? 0);
        let tailed = before;
        const settled: number[] = [];
        const tail = (): void => {
          const seq = log[tailed];
          if (seq === undefined) return;
          tailed += 1;
          lane.offer(logged(seq));
        };
        const serve = (): boolean => {
          if (lane.head !== undefined) {
            settled.push(lane.head.seq);
            lane.settle();
            return true;
          }
          const from = lane.readFrom;
          if (from === undefined) return false;
          const next = log.find((seq) => seq >= from);
          lane.read(next === undefined ? undefined : logged(next));
          return true;
        };
        for (const step of schedule) {
          if (step === 'publish') publish();
          else if (step === 'tail') tail();
          else serve();
          const first = lane.firstUnsettled;
          const owed = log.slice(0, tailed).filter((seq) => !settled.includes(seq));
          // A cursor made of the lane now would lose nothing.
          expect(owed.every((seq) => first !== undefined && seq >= first)).toBe(true);
        }
        while (tailed < log.length) tail();
        while (serve());
        expect(settled).toEqual(log);
      }),
    );
  });
});
