import { setImmediate as turn } from 'node:timers/promises';
import type { JetStreamManager } from '@nats-io/jetstream';
import { FakeClock } from '../../../test/support/fakeClock.js';
import { encodeEvent, makeEvent, newTraceparent } from '../../shared/event.js';
import { eventSubject, resourceAddress } from '../../shared/subjects.js';
import { bus } from '../../shared/contract/bus.js';
import { EventLog, oneSubject } from './log.js';

const { path, type } = bus.resources.lockState;
const subject = eventSubject('n1', path);
const value = { ResourceAddress: '/x', data_type: 'notification', value_type: 'enumeration', value: 'LOCKED' } as const;
const data = encodeEvent(
  makeEvent({
    id: 'e',
    source: resourceAddress('n1', path),
    type,
    time: '2026-03-01T12:00:00.000Z',
    sequence: '1',
    traceparent: newTraceparent(),
    data: { version: '1.0', values: [value] },
  }),
);

describe('the stored part of the log', () => {
  it('knows where the log begins, as of a second ago, when an event is not found where it was looked for', async () => {
    const clock = new FakeClock();
    let next = 5;
    let firstSeq = 1;
    let asked = 0;
    const jsm = {
      direct: { getMessage: async () => ({ seq: next, subject, data: Buffer.from(data), time: new Date(0) }) },
      streams: {
        info: async () => {
          asked += 1;
          return { state: { first_seq: firstSeq } };
        },
      },
    } as unknown as JetStreamManager;
    const log = new EventLog(jsm, clock, () => {});
    log.beginsAt(1);
    clock.advance({ seconds: 5 });

    expect((await log.stored(oneSubject(subject), 5))?.seq).toBe(5);
    expect(asked).toBe(0);

    next = 10;
    firstSeq = 8;
    expect((await log.stored(oneSubject(subject), 6))?.seq).toBe(10);
    expect([asked, log.firstStored]).toEqual([1, 8]);

    firstSeq = 9;
    await log.stored(oneSubject(subject), 7);
    expect([asked, log.firstStored]).toEqual([1, 8]);
    clock.advance({ seconds: 1 });
    await log.stored(oneSubject(subject), 7);
    expect([asked, log.firstStored]).toEqual([2, 9]);
  });

  it('asks about the stream that it reads', async () => {
    const asked: string[] = [];
    const jsm = {
      direct: { getMessage: async () => null },
      streams: {
        getMessage: async () => null,
        info: async (name: string) => {
          asked.push(name);
          return { state: { first_seq: 1 } };
        },
      },
    } as unknown as JetStreamManager;
    const log = new EventLog(jsm, new FakeClock(), () => {}, { stream: bus.streams.canary });
    await log.stored(oneSubject(subject), 1);
    expect(asked).toEqual([bus.streams.canary]);
  });

  it('believes only the leader of the stream that there is nothing', async () => {
    const message = { seq: 5, subject, data: Buffer.from(data), time: new Date(0) };
    const jsm = {
      direct: { getMessage: async () => null },
      streams: { getMessage: async () => message, info: async () => ({ state: { first_seq: 1 } }) },
    } as unknown as JetStreamManager;
    expect((await new EventLog(jsm, new FakeClock(), () => {}).stored(oneSubject(subject), 5))?.seq).toBe(5);
  });
});

describe('waiting for the newest event of a subject', () => {
  const clock = new FakeClock();
  const wait = (newest: number | null, signal = new AbortController().signal) => {
    const message = newest === null ? null : { seq: newest };
    const jsm = { direct: { getMessage: async () => message } } as unknown as JetStreamManager;
    const log = new EventLog(jsm, clock, () => {});
    log.restart(3);
    let isOver = false;
    void log.handedOn(subject, signal).then(() => (isOver = true));
    const isOverAfter = async (ms: number): Promise<boolean> => {
      await turn();
      clock.advance({ ms });
      await turn();
      return isOver;
    };
    return { log, isOverAfter };
  };

  it.each([null, 2, 3])('is over at once when it is %p and the tail at 3', async (newest) => {
    expect(await wait(newest).isOverAfter(0)).toBe(true);
  });

  it('ends when the tail has handed it on', async () => {
    const { log, isOverAfter } = wait(5);
    expect(await isOverAfter(5)).toBe(false);
    log.passOver(4);
    expect(await isOverAfter(5)).toBe(false);
    log.passOver(5);
    expect(await isOverAfter(5)).toBe(true);
  });

  it('ends after a second when the tail is interrupted, and when nobody wants the answer any more', async () => {
    const { isOverAfter } = wait(5);
    for (let i = 0; i < 199; i += 1) expect(await isOverAfter(5)).toBe(false);
    expect(await isOverAfter(5)).toBe(true);

    const gone = new AbortController();
    const other = wait(5, gone.signal);
    expect(await other.isOverAfter(5)).toBe(false);
    gone.abort();
    expect(await other.isOverAfter(0)).toBe(true);
  });
});
