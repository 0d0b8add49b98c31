import { setImmediate as turn } from 'node:timers/promises';
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { pino } from 'pino';
import { FakeClock } from '../../../test/support/fakeClock.js';
import { Tail } from './tail.js';

/** A broker whose answers somebody gives one by one. */
class FakeBroker {
  readonly clock = new FakeClock();
  readonly infos: ((created: string, lastSeq: number, firstSeq: number) => void)[] = [];
  /** Consumers that are to be made, with the position they start at. */
  readonly adds: { from: number; answer: () => void }[] = [];
  readonly gets: (() => void)[] = [];
  filter: string | undefined;
  newStreams = 0;
  readonly lost: number[] = [];
  readonly tail: Tail;

  constructor() {
    const jsm = {
      streams: {
        info: () =>
          new Promise((resolve) =>
            this.infos.push((created, last_seq, first_seq) => resolve({ created, state: { first_seq, last_seq } })),
          ),
        // Nothing is found.
        getMessage: () => new Promise((resolve) => this.gets.push(() => resolve(null))),
      },
      consumers: {
        add: (_stream: string, { opt_start_seq }: { opt_start_seq: number }) =>
          new Promise((resolve) => this.adds.push({ from: opt_start_seq, answer: () => resolve({ name: 'c' }) })),
        delete: async () => true,
      },
    } as unknown as JetStreamManager;
    const broker = {
      subscribe: () => ({ unsubscribe: () => {} }),
      async *status() {},
    } as unknown as NatsConnection;
    this.tail = new Tail(
      { broker, jsm, clock: this.clock, log: pino({ level: 'silent' }), filter: () => this.filter },
      {
        onMessage: () => {},
        onLogInfo: () => {},
        onNewStream: () => (this.newStreams += 1),
        onLost: (firstSeq) => this.lost.push(firstSeq),
      },
    );
  }

  async answerInfos(created: string, lastSeq: number, firstSeq = 1): Promise<void> {
    for (const answer of this.infos.splice(0)) answer(created, lastSeq, firstSeq);
    await turn();
  }

  async stop(): Promise<void> {
    const stopping = this.tail.stop();
    for (const { answer } of this.adds) answer();
    await stopping;
  }
}

describe('the tail', () => {
  it('stops also while its reader is being opened', async () => {
    const broker = new FakeBroker();
    broker.tail.start('old', 100);
    await broker.answerInfos('old', 100);

    let isStopped = false;
    void broker.tail.stop().then(() => (isStopped = true));
    broker.adds[0]?.answer();
    await turn();

    expect(isStopped).toBe(true);
  });

  it('starts over once when two questions bring the news of another log', async () => {
    const broker = new FakeBroker();
    broker.tail.start('old', 100);
    broker.clock.advance({ seconds: 30 });
    await turn();
    expect(broker.infos).toHaveLength(2);

    await broker.answerInfos('new', 5);

    expect(broker.newStreams).toBe(1);
    await broker.stop();
  });

  it('reads another log from its beginning, also when that comes while its reader is being opened', async () => {
    const broker = new FakeBroker();
    broker.tail.start('old', 100);
    await broker.answerInfos('old', 100);
    broker.clock.advance({ seconds: 30 });
    await turn();
    await broker.answerInfos('new', 5);
    broker.adds[0]?.answer();
    await turn();
    await broker.answerInfos('new', 5);

    expect(broker.adds.map(({ from }) => from)).toEqual([101, 1]);
    await broker.stop();
  });

  it('does not pass over what it was to read from now on', async () => {
    const broker = new FakeBroker();
    broker.filter = 'ptp.events.n1.>';
    broker.tail.start('s', 100);
    await broker.answerInfos('s', 100);
    broker.adds[0]?.answer();
    broker.clock.advance({ seconds: 30 });
    await turn();
    await broker.answerInfos('s', 150);
    await broker.answerInfos('s', 150);
    expect(broker.gets).toHaveLength(1);

    // Another node is subscribed while the broker looks for events of this one.
    broker.filter = undefined;
    broker.tail.refilter();
    broker.gets[0]?.();
    await turn();
    await broker.answerInfos('s', 150);

    expect(broker.adds.map(({ from }) => from)).toEqual([101, 101]);
    await broker.stop();
  });

  it('says what retention has taken before it could be read, and reads on after it', async () => {
    const broker = new FakeBroker();
    broker.tail.start('s', 100);
    await broker.answerInfos('s', 150, 120);
    expect(broker.lost).toEqual([120]);
    expect(broker.adds.map(({ from }) => from)).toEqual([120]);
    await broker.stop();

    const lucky = new FakeBroker();
    lucky.tail.start('s', 119);
    await lucky.answerInfos('s', 150, 120);
    expect(lucky.lost).toEqual([]);
    await lucky.stop();
  });
});
