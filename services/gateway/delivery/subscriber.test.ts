import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { pino } from 'pino';
import { FakeClock } from '../../../test/support/fakeClock.js';
import type { PtpEvent } from '../../shared/event.js';
import { eventSubject } from '../../shared/subjects.js';
import type { SubscriptionRecord } from '../subscriptions/record.js';
import { resumeAt, type Cursor, type SubscriptionCursor } from './cursor.js';
import type { CurrentEvent } from './currentEvents.js';
import type { Delivery } from './delivery.js';
import type { LoggedEvent, SubjectFilter } from './log.js';
import { CircuitBreaker } from '../push/circuitBreaker.js';
import type { AttemptResult } from '../push/result.js';
import { Retry } from '../push/retry.js';
import type { SubscriberPorts, Target } from './ports.js';
import { Ring } from './ring.js';
import { Stage } from './stage.js';
import { Subscriber } from './subscriber.js';

const PATH = '/sync/ptp-status/lock-state';
/** Not wanted by the subscription: what it reads may lie far apart. */
const OTHER_PATH = '/sync/sync-status/os-clock-sync-state';
const STREAM = 'stream';
const record = {
  id: 's1',
  filter: { node: '*', path: '/sync/ptp-status' },
  start: 0,
  stream: STREAM,
} as SubscriptionRecord;

/** A log with a tail, and a consumer whose answers somebody decides one by one. */
/** Where the attempts come out; what they come to is for somebody else to say. */
class Attempts extends Stage {
  readonly #onAttempt: (delivery: Delivery) => void;

  constructor(onAttempt: (delivery: Delivery) => void) {
    super();
    this.#onAttempt = onAttempt;
  }

  override start(delivery: Delivery): void {
    delivery.missed = delivery.lanes.missedIn(delivery.lane);
    this.#onAttempt(delivery);
  }
}

type Item = Pick<Delivery, 'event' | 'logged'>;

class World {
  readonly clock = new FakeClock();
  readonly log: LoggedEvent[] = [];
  /** What the consumer was posted and took, in order. */
  readonly taken: Item[] = [];
  readonly attempts: { item: Item; answer: (outcome: AttemptResult) => void }[] = [];
  /** Questions to the broker: it answers at one time, and the answer arrives at a later one. */
  readonly questions: (() => void)[] = [];
  readonly replies: (() => void)[] = [];
  /** Retention has taken what is before this. */
  firstStored = 0;
  /** Answers to the question which resources the subscription is about. */
  targets: () => Promise<Target[]> = async () => [];
  /** Nodes that were asked for their state, and answers that are still due. */
  readonly asked: { node: string; answer: (current: CurrentEvent) => void }[] = [];
  areNodesAhead = true;
  /** How often the cursor was told that states are owed. */
  dueNotes = 0;
  tailed = 0;
  ring = new Ring(0, { messages: 5, bytes: 1e9 });
  subscriber: Subscriber;

  constructor(record_: SubscriptionRecord = record, resume: SubscriptionCursor = [0, {}]) {
    this.subscriber = new Subscriber(record_, resume, this.#ports());
  }

  get position(): number {
    return this.log[this.tailed - 1]?.seq ?? 0;
  }

  publish(node: string, path = PATH): void {
    const before = this.log.filter((event) => event.node === node && event.path === path).length;
    const seq = (this.log.at(-1)?.seq ?? 0) + 1;
    const subject = eventSubject(node, path);
    const event = { id: `${node}-${before + 1}`, sequence: String(before + 1) } as PtpEvent;
    this.log.push({ seq, subject, node, path, storedAtMs: this.clock.now(), event });
  }

  /** Gives whether the event is owed to the subscription. */
  tail(): boolean {
    const event = this.log[this.tailed];
    if (event === undefined) return false;
    this.tailed += 1;
    this.ring.push({ ...event, data: new Uint8Array() });
    return event.path === PATH && this.subscriber.accept(event);
  }

  answer(which: number, outcome: AttemptResult): void {
    const [attempt] = this.attempts.splice(which % Math.max(1, this.attempts.length), 1);
    if (attempt === undefined) return;
    if (outcome.kind === 'accepted') this.taken.push(attempt.item);
    attempt.answer(outcome);
  }

  /** As after an answer of 410. */
  async disable(): Promise<void> {
    await this.#untilStopped(this.subscriber.stop(0));
  }

  /** Subscribed or pinged again. */
  async enable(): Promise<void> {
    await this.disable();
    this.subscriber = new Subscriber(
      record,
      this.subscriber.cursor(this.position) ?? [this.position, {}],
      this.#ports(),
    );
    this.subscriber.sendStates('after');
  }

  /** A node knows its events before the tail has brought them. */
  answerAsked(which: number, ok: boolean): void {
    const [asked] = this.asked.splice(which % Math.max(1, this.asked.length), 1);
    if (asked === undefined) return;
    const known = this.areNodesAhead ? this.log : this.log.slice(0, this.tailed);
    const newest = known.findLast(({ node, path }) => node === asked.node && path === PATH);
    if (!ok) asked.answer({ kind: 'silent' });
    else asked.answer(newest === undefined ? { kind: 'unknown' } : { kind: 'current', event: newest.event });
  }

  answerQuestions(): void {
    for (const question of this.questions.splice(0)) question();
    for (const reply of this.replies.splice(0)) reply();
  }

  cursor(): Cursor {
    const subs = this.subscriber.cursor(this.position);
    return { epoch: 'e', n: 1, stream: STREAM, tail: this.position, subs: subs === undefined ? {} : { s1: subs } };
  }

  /** The gateway ends and starts again from a cursor. */
  async restart(cursor: Cursor | undefined): Promise<void> {
    const stopping = this.subscriber.stop(0);
    await this.#untilStopped(stopping);
    const saved = cursor ?? this.cursor();
    this.tailed = this.log.filter(({ seq }) => seq <= saved.tail).length;
    this.ring = new Ring(saved.tail, { messages: 5, bytes: 1e9 });
    this.subscriber = new Subscriber(record, resumeAt(saved, record, STREAM), this.#ports());
  }

  /** Everybody answers, until there is nothing left to do. */
  async settleAll(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet += 1) {
      while (this.tailed < this.log.length) this.tail();
      this.clock.advance({ seconds: 120 });
      await turn();
      const { attempts, questions, replies, asked } = this;
      if (attempts.length + questions.length + replies.length + asked.length > 0) quiet = -1;
      while (this.asked.length > 0) this.answerAsked(0, true);
      this.answerQuestions();
      while (this.attempts.length > 0) this.answer(0, { kind: 'accepted' });
      await turn();
    }
  }

  async #untilStopped(stopping: Promise<void>): Promise<void> {
    let isStopped = false;
    void stopping.then(() => (isStopped = true));
    while (!isStopped) {
      this.answerQuestions();
      for (const { answer } of this.attempts.splice(0)) answer({ kind: 'cancelled' });
      for (const { answer } of this.asked.splice(0)) answer({ kind: 'silent' });
      this.clock.advance({ ms: 1 });
      await turn();
    }
  }

  #ports(): SubscriberPorts {
    const position = (): number => this.position;
    const firstStored = (): number => this.firstStored;
    const attempts = new Attempts((delivery) =>
      this.attempts.push({ item: delivery, answer: (result) => attempts.finish(delivery, result) }),
    );
    const push = Stage.chain(
      { finish: (delivery, result) => delivery.lanes.finished(delivery, result) },
      new Retry({ clock: this.clock, random: () => 0.5, maxAgeMs: Infinity }),
      new CircuitBreaker(this.clock, () => 0.5),
      attempts,
    );
    return {
      clock: this.clock,
      log: pino({ level: 'silent' }),
      random: () => 0.5,
      heldLimit: 2,
      events: {
        get position() {
          return position();
        },
        get firstStored() {
          return firstStored();
        },
        recent: ({ matches }, from) => {
          const found = this.ring.next(matches, from);
          return typeof found === 'string' ? found : this.#logged(found.seq);
        },
        stored: (filter, from) =>
          new Promise((resolve) => {
            this.questions.push(() => {
              const answer = this.#stored(filter, from);
              this.replies.push(() => resolve(answer));
            });
          }),
      },
      push,
      askState: (node, _path, onAsk) => {
        onAsk();
        return new Promise((resolve) => this.asked.push({ node, answer: resolve }));
      },
      deadLetter: async (delivery) => void this.taken.push(delivery),
      onSettled: () => {},
      targetsOf: () => this.targets(),
      onStatesDue: () => (this.dueNotes += 1),
      onGap: () => {},
      onGone: () => {},
    };
  }

  #stored({ matches }: SubjectFilter, from: number): LoggedEvent | undefined {
    return this.log.find(({ seq, subject }) => seq >= Math.max(from, this.firstStored) && matches(subject));
  }

  #logged(seq: number): LoggedEvent {
    const event = this.log.find((one) => one.seq === seq);
    if (event === undefined) throw new Error(`nothing at ${seq}`);
    return event;
  }
}

/** What the subscription has to be sent of a node. */
const wanted = (log: LoggedEvent[], node: string): string[] =>
  log.filter((event) => event.node === node && event.path === PATH).map(({ event }) => event.id);

/** Sequences that a consumer was sent, `s` for a current state. */
const sequencesOf = (items: Item[], node: string): string[] =>
  items
    .filter(({ event }) => event.id.startsWith(`${node}-`))
    .map(({ event, logged }) => `${logged === undefined ? 's' : ''}${event.sequence}`);

/** Every event follows the one before, or a state that stands for that one; no state is older than what came before. */
function disorderOf(sequences: string[], newest: number): string | undefined {
  let last = 0;
  for (const one of sequences) {
    const sequence = Number(one.replace('s', ''));
    if (one.startsWith('s') ? sequence < last : sequence !== last + 1) return `${one} after ${last}`;
    last = sequence;
  }
  return last === newest ? undefined : `ends with ${last} of ${newest}`;
}

const idsOf = (items: Item[], node: string): string[] =>
  items.map(({ event }) => event.id).filter((id) => id.startsWith(`${node}-`));

type Step =
  | { do: 'publish'; node: string }
  | { do: 'publish other' | 'tail' | 'read' | 'reply' | 'advance' | 'restart' | 'save' | 'kill' }
  | { do: 'answer' | 'state'; which: number; ok: boolean }
  | { do: 'ping' | 'gone' | 'enable' | 'refuse' | 'wait' };

const nodes = ['a', 'b', 'c', 'd'];
const step = (kills: boolean): fc.Arbitrary<Step> =>
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant('publish' as const), node: fc.constantFrom(...nodes) }) },
    { weight: 6, arbitrary: fc.constant({ do: 'publish other' as const }) },
    { weight: 10, arbitrary: fc.constant({ do: 'tail' as const }) },
    { weight: 4, arbitrary: fc.constant({ do: 'read' as const }) },
    { weight: 4, arbitrary: fc.constant({ do: 'reply' as const }) },
    { weight: 3, arbitrary: fc.constant({ do: 'advance' as const }) },
    { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant('answer' as const), which: fc.nat({ max: 3 }), ok: fc.boolean() }),
    },
    ...(kills
      ? [
          { weight: 1, arbitrary: fc.constant({ do: 'save' as const }) },
          { weight: 1, arbitrary: fc.constant({ do: 'kill' as const }) },
        ]
      : []),
  );

/** Current states are asked for, and their nodes answer or not. */
const stateStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 9, arbitrary: step(false).filter((one) => one.do !== 'restart') },
  { weight: 1, arbitrary: fc.constant({ do: 'ping' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('state' as const), which: fc.nat({ max: 3 }), ok: fc.boolean() }),
  },
);

/** The same, over graceful restarts, with every kind of answer. */
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: stateStep },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('restart', 'gone', 'enable', 'refuse', 'wait') }) },
);

async function play(steps: Step[], world = new World()): Promise<World> {
  world.targets = async () => nodes.map((node) => ({ node, path: PATH }));
  let saved: Cursor = world.cursor();
  for (const one of steps) {
    if (one.do === 'publish') world.publish(one.node);
    else if (one.do === 'publish other') world.publish('a', OTHER_PATH);
    else if (one.do === 'tail') world.tail();
    else if (one.do === 'read') world.questions.shift()?.();
    else if (one.do === 'reply') world.replies.shift()?.();
    else if (one.do === 'advance') world.clock.advance({ seconds: 40 });
    else if (one.do === 'answer')
      world.answer(one.which, one.ok ? { kind: 'accepted' } : { kind: 'failed', reason: 'x' });
    else if (one.do === 'ping') world.subscriber.sendStates('after');
    else if (one.do === 'gone') await world.disable();
    else if (one.do === 'enable') await world.enable();
    else if (one.do === 'refuse') world.answer(0, { kind: 'refused', reason: 'answered 422' });
    else if (one.do === 'wait') world.answer(0, { kind: 'failed', reason: 'answered 429', afterMs: 5_000 });
    else if (one.do === 'state') world.answerAsked(one.which, one.ok);
    else if (one.do === 'save') saved = world.cursor();
    else if (one.do === 'kill') await world.restart(saved);
    else {
      await world.restart(undefined);
      saved = world.cursor();
    }
    await turn();
  }
  if (steps.some((one) => one.do === 'gone')) await world.enable();
  await world.settleAll();
  return world;
}

describe('a served subscription', () => {
  it('is given every event once and in order, however tail, log, failures, detaching and graceful restarts interleave', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step(false), { minLength: 20, maxLength: 200, size: 'max' }), async (steps) => {
        const world = await play(steps);
        for (const node of nodes) {
          expect(idsOf(world.taken, node)).toEqual(wanted(world.log, node));
        }
        expect(world.subscriber.isAttached).toBe(true);
        expect(world.subscriber.openLanes).toBe(0);
      }),
      { numRuns: 1_000 },
    );
  }, 120_000);

  it('loses nothing and keeps the order when it is killed; repeats carry the same id', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step(true), { minLength: 20, maxLength: 200, size: 'max' }), async (steps) => {
        const world = await play(steps);
        for (const node of nodes) {
          const seen = [...new Set(idsOf(world.taken, node))];
          expect(seen).toEqual(wanted(world.log, node));
        }
      }),
      { numRuns: 1_000 },
    );
  }, 120_000);

  it('is given every event or a state that stands for it, in order, when states are asked for meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(stateStep, { minLength: 20, maxLength: 200, size: 'max' }), async (steps) => {
        const world = await play(steps);
        for (const node of nodes) {
          expect(disorderOf(sequencesOf(world.taken, node), wanted(world.log, node).length)).toBeUndefined();
        }
        expect(world.subscriber.openLanes).toBe(0);
      }),
      { numRuns: 500 },
    );
  }, 120_000);

  it('is given every event before the state that it asked for again, over restarts and whatever its endpoint answers', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 20, maxLength: 200, size: 'max' }), async (steps) => {
        const world = new World();
        world.areNodesAhead = false;
        await play(steps, world);
        for (const node of nodes) {
          const events = world.taken.filter(({ logged }) => logged !== undefined);
          expect(idsOf(events, node)).toEqual(wanted(world.log, node));
          expect(disorderOf(sequencesOf(world.taken, node), wanted(world.log, node).length)).toBeUndefined();
        }
        expect(world.subscriber.openLanes).toBe(0);
      }),
      { numRuns: 500 },
    );
  }, 120_000);

  it('is owed what comes after its start, unless it is disabled', async () => {
    const world = new World(record, [2, {}]);
    for (let n = 0; n < 5; n += 1) world.publish('a');
    const owed = [1, 2, 3, 4].map(() => world.tail());
    world.subscriber.record = { ...record, disabledAt: 'now' };
    expect([...owed, world.tail()]).toEqual([false, false, true, true, false]);
  });

  it('takes next to nothing when it rests', async () => {
    const world = new World();
    world.publish('a');
    world.tail();
    await turn();
    expect(world.subscriber.isResting).toBe(false);

    world.answer(0, { kind: 'accepted' });
    await turn();

    expect(world.subscriber.isResting).toBe(true);
    expect(world.cursor().subs).toEqual({});
  });

  it('holds no more than its limit while the consumer is down, and gets everything when it is back', async () => {
    const world = new World();
    for (let i = 0; i < 500; i += 1) {
      world.publish(nodes[i % 4] ?? 'a');
      world.tail();
      if (i % 10 === 0) {
        world.answer(0, { kind: 'failed', reason: 'down' });
        world.clock.advance({ seconds: 40 });
        await turn();
      }
    }
    expect(world.subscriber.isAttached).toBe(false);
    expect(world.subscriber.held).toBeLessThanOrEqual(8);

    await world.settleAll();

    expect(world.taken).toHaveLength(500);
    expect(world.subscriber.isAttached).toBe(true);
  });

  it('lets an event that the consumer cannot take hold up only its own lane', async () => {
    const world = new World();
    world.publish('a');
    world.tail();
    await turn();
    for (let i = 0; i < 200; i += 1) {
      world.publish(i % 2 === 0 ? 'b' : 'a');
      world.tail();
      await turn();
      for (let n = world.attempts.length; n > 0; n -= 1) {
        const isPoison = world.attempts[0]?.item.event.id === 'a-1';
        world.answer(0, isPoison ? { kind: 'failed', reason: 'answered 500' } : { kind: 'accepted' });
      }
      await turn();
      world.clock.advance({ seconds: 40 });
      world.answerQuestions();
      await turn();
    }
    expect(idsOf(world.taken, 'a')).toEqual([]);
    expect(idsOf(world.taken, 'b').length).toBeGreaterThan(90);

    await world.settleAll();
    expect(idsOf(world.taken, 'a')).toHaveLength(101);
    expect(idsOf(world.taken, 'b')).toHaveLength(100);
  });

  it('has the current states sent when retention has taken events that were due while the gateway was away', async () => {
    const world = new World();
    for (let i = 0; i < 20; i += 1) world.publish('a');
    world.tailed = 20;
    world.firstStored = 16;
    world.targets = async () => [{ node: 'a', path: PATH }];

    await world.restart({ epoch: 'e', n: 1, stream: STREAM, tail: 20, subs: { s1: [5, {}] } });
    await world.settleAll();

    expect(sequencesOf(world.taken, 'a')).toEqual(['16', '17', '18', '19', '20', 's20']);
  });

  it('is sent the state of a resource whose events retention has taken while they were due', async () => {
    const world = new World();
    for (let i = 0; i < 20; i += 1) world.publish('a');
    world.tailed = 20;
    world.firstStored = 21;

    const subs = { s1: [20, { [eventSubject('a', PATH)]: 5 }] satisfies SubscriptionCursor };
    await world.restart({ epoch: 'e', n: 1, stream: STREAM, tail: 20, subs });
    await turn();
    world.answerQuestions();
    await turn();
    world.answerAsked(0, true);
    await turn();

    expect(world.attempts.map(({ item }) => [item.event.id, item.logged])).toEqual([['a-20', undefined]]);
  });

  it('asks which nodes there are until the broker answers, and every answer is awaited', async () => {
    const world = new World();
    let questions = 0;
    world.targets = async () => {
      questions += 1;
      if (questions < 3) throw new Error('the broker is away');
      return [{ node: 'a', path: PATH }];
    };
    world.subscriber.sendStates('first');
    await turn();
    expect(questions).toBe(1);

    for (let i = 0; i < 2; i += 1) {
      world.clock.advance({ seconds: 1 });
      await turn();
    }
    expect(world.asked).toHaveLength(1);
  });

  it('does not let a node that is silent delay the states, and so the events, of others', async () => {
    const world = new World();
    world.targets = async () => ['a', 'b'].map((node) => ({ node, path: PATH }));
    const answerAsked = async (): Promise<void> => {
      await turn();
      for (const { node, answer } of world.asked.splice(0)) answer({ kind: node === 'b' ? 'silent' : 'unknown' });
      await turn();
    };
    world.subscriber.sendStates('first');
    await answerAsked();
    for (let i = 0; i < 100; i += 1) {
      world.clock.advance({ seconds: 10 });
      await answerAsked();
    }

    world.subscriber.sendStates('first');
    await turn();
    world.publish('a');
    world.tail();
    await answerAsked();

    expect(world.attempts.map(({ item }) => item.event.id)).toEqual(['a-1']);
  });

  it('has the cursor saved when states become due, so that a kill does not forget them', () => {
    const world = new World();
    world.subscriber.sendStates('first');
    expect(world.dueNotes).toBe(1);
    expect(world.cursor().subs).toEqual({ s1: [0, {}, true] });
  });
});
