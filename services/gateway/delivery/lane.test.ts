import type { PtpEvent } from '../../shared/event.js';
import { LANE_LIMIT, Lane } from './lane.js';
import type { LoggedEvent } from './log.js';

const event = (sequence: number): PtpEvent => ({ sequence: String(sequence) }) as PtpEvent;
const logged = (seq: number, sequence = seq): LoggedEvent => ({
  seq,
  subject: 'ptp.events.n1.sync.ptp-status.lock-state',
  node: 'n1',
  path: '/sync/ptp-status/lock-state',
  storedAtMs: 0,
  event: event(sequence),
});

/** Settles everything that can be begun, and gives the sequences. */
function drain(lane: Lane): string[] {
  const sequences: string[] = [];
  for (let item = lane.begin(); item !== undefined; item = lane.begin()) {
    sequences.push(`${item.logged === undefined ? 'state ' : ''}${item.event.sequence}`);
    lane.settle();
  }
  return sequences;
}

describe('a lane', () => {
  it('gives one event at a time, in order', () => {
    const lane = new Lane('subject', 10);
    lane.offer(logged(11));
    lane.offer(logged(15));
    expect(lane.begin()?.logged?.seq).toBe(11);
    expect(lane.begin()).toBeUndefined();
    expect(lane.isSuperseded).toBe(true);
    lane.settle();
    expect(lane.begin()?.logged?.seq).toBe(15);
    expect(lane.isSuperseded).toBe(false);
    expect(lane.firstUnsettled).toBe(15);
    lane.settle();
    expect(lane.firstUnsettled).toBeUndefined();
    expect(lane.isIdle).toBe(true);
  });

  it('remembers only that there is more when it is full, and asks the log for it', () => {
    const lane = new Lane('subject', 0);
    for (let seq = 1; seq <= LANE_LIMIT + 5; seq += 1) lane.offer(logged(seq));
    expect(lane.length).toBe(LANE_LIMIT);
    expect(lane.gap).toBeUndefined();
    expect(drain(lane)).toHaveLength(LANE_LIMIT);
    expect(lane.gap).toEqual({ from: LANE_LIMIT + 1, upTo: LANE_LIMIT + 5 });
    expect(lane.firstUnsettled).toBe(LANE_LIMIT + 1);
    for (let { gap } = lane; gap !== undefined; { gap } = lane) {
      lane.read(logged(gap.from), gap);
      expect(drain(lane)).toEqual([String(gap.from)]);
    }
    expect(lane.isIdle).toBe(true);
  });

  it('does not lose what is offered while the log is being asked', () => {
    const lane = new Lane('subject', 0, 5);
    const gap = lane.gap ?? { from: 0, upTo: 0 };
    lane.offer(logged(6));
    lane.read(undefined, gap);
    expect(lane.gap).toEqual({ from: 6, upTo: 6 });
  });

  it('drops a sequence that it has already had', () => {
    const lane = new Lane('subject', 0);
    lane.offer(logged(1, 7));
    lane.offer(logged(2, 7));
    lane.offer(logged(3, 8));
    expect(drain(lane)).toEqual(['7', '8']);
    expect(lane.missed).toBe(0);
  });

  it('counts what its sequences show to be missing, until the consumer has been told', () => {
    const lane = new Lane('subject', 0);
    lane.offer(logged(1, 7));
    lane.offer(logged(2, 11));
    expect(lane.missed).toBe(3);
    lane.told();
    expect(lane.missed).toBe(0);
    lane.offer(logged(3, 1_700_000_000_000));
    expect(lane.missed).toBe(0);
  });

  it('holds nothing but the event that fails, and reads the rest again', () => {
    const lane = new Lane('subject', 0);
    for (const seq of [1, 2, 3]) lane.offer(logged(seq));
    lane.begin();
    lane.park();
    expect(lane.length).toBe(1);
    lane.offer(logged(4));
    expect(lane.length).toBe(1);
    expect(lane.firstUnsettled).toBe(1);
    lane.settle();
    expect(lane.gap).toEqual({ from: 2, upTo: 4 });
    expect(lane.missed).toBe(0);
  });

  it('goes on behind what retention took', () => {
    const lane = new Lane('subject', 4, 20);
    expect(lane.gap).toEqual({ from: 5, upTo: 20 });
    lane.read(undefined, { from: 5, upTo: 20 });
    expect(lane.isIdle).toBe(true);
    lane.offer(logged(21));
    expect(drain(lane)).toEqual(['21']);
  });

  describe('that awaits the current state', () => {
    it('gives the state first, then every event after the sequence it names', () => {
      const lane = new Lane('subject', 0);
      lane.awaitState();
      for (const sequence of [4, 5, 6]) lane.offer(logged(sequence));
      expect(lane.begin()).toBeUndefined();
      lane.state(event(5));
      expect(drain(lane)).toEqual(['state 5', '6']);
    });

    it('goes on without a state when there is none', () => {
      const lane = new Lane('subject', 0);
      lane.awaitState();
      lane.offer(logged(4));
      lane.state(undefined);
      expect(drain(lane)).toEqual(['4']);
    });

    it('puts the state behind an event that is on its way, and drops an older one', () => {
      const lane = new Lane('subject', 0);
      lane.offer(logged(4));
      lane.offer(logged(5));
      lane.begin();
      lane.awaitState();
      lane.state(event(5));
      lane.settle();
      expect(drain(lane)).toEqual(['state 5']);

      lane.state(event(4));
      expect(drain(lane)).toEqual([]);
      lane.state(event(5));
      expect(lane.isStateDue).toBe(true);
      expect(drain(lane)).toEqual(['state 5']);
    });

    it('has not settled the events that a state stands for before the state is settled', () => {
      const lane = new Lane('subject', 0);
      lane.awaitState();
      for (const sequence of [4, 5, 6]) lane.offer(logged(sequence));
      lane.state(event(5));
      expect(lane.firstUnsettled).toBe(1);
      lane.begin();
      lane.settle();
      expect(lane.firstUnsettled).toBe(6);
      lane.begin();
      lane.settle();
      expect(lane.firstUnsettled).toBeUndefined();
    });

    it('has not settled them either when nothing comes after the state', () => {
      const lane = new Lane('subject', 0);
      lane.offer(logged(4));
      lane.state(event(4));
      expect(lane.firstUnsettled).toBe(1);
      lane.begin();
      lane.settle();
      expect(lane.firstUnsettled).toBeUndefined();
    });

    it('owes nothing of the log when the state stands for nothing', () => {
      const lane = new Lane('subject', 7);
      lane.awaitState();
      lane.state(event(5));
      expect(lane.firstUnsettled).toBeUndefined();
      expect(lane.isStateDue).toBe(true);
    });

    it('does not read what the state covers', () => {
      const lane = new Lane('subject', 0, 9);
      lane.awaitState();
      expect(lane.gap).toBeUndefined();
      lane.state(event(8));
      expect(drain(lane)).toEqual(['state 8']);
      lane.read(logged(7), { from: 1, upTo: 9 });
      lane.read(logged(9), { from: 8, upTo: 9 });
      expect(drain(lane)).toEqual(['9']);
    });
  });

  describe('whose state is asked for again', () => {
    it('gives everything that is due up to the state, and the state after it', () => {
      const lane = new Lane('subject', 0);
      for (const sequence of [4, 5, 6]) lane.offer(logged(sequence));
      lane.askAgain();
      lane.stateAgain(event(5));
      expect(drain(lane)).toEqual(['4', '5', 'state 5', '6']);
    });

    it('reads what is left in the log first', () => {
      const lane = new Lane('subject', 0, 2);
      lane.askAgain();
      lane.stateAgain(event(2));
      expect(drain(lane)).toEqual([]);
      for (const seq of [1, 2]) lane.read(logged(seq), { from: seq, upTo: 2 });
      expect(drain(lane)).toEqual(['1', '2', 'state 2']);
      expect(lane.isIdle).toBe(true);
    });

    it('is not idle until the answer is there, and drops one that is older than what was sent meanwhile', () => {
      const lane = new Lane('subject', 0);
      lane.askAgain();
      lane.offer(logged(4));
      lane.offer(logged(5));
      expect(drain(lane)).toEqual(['4', '5']);
      expect(lane.isIdle).toBe(false);
      lane.stateAgain(event(4));
      expect(drain(lane)).toEqual([]);
      expect(lane.isIdle).toBe(true);
    });
  });
});
