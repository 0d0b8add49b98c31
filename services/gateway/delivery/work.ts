import { JetStreamApiError, JetStreamError } from '@nats-io/jetstream';
import { InvalidArgumentError, PermissionViolationError } from '@nats-io/transport-node';
import { sleep } from '../../shared/clock.js';
import type { Logger } from '../../shared/log.js';
import { resourceOfSubject } from '../../shared/subjects.js';
import { backoffMs } from './backoff.js';
import { Lane, type Gap, type Item } from './lane.js';
import { oneSubject, type LoggedEvent } from './log.js';
import { OwedStates, type StateOrder } from './owedStates.js';
import { readAtMs } from './newest.js';
import { Pace } from './pace.js';
import type { Served, Serving, ToldState } from './served.js';

/** While the endpoint fails: enough that several lanes can be tried. */
const HELD_WHILE_FAILING = 8;

/** Refusals of a dead letter by the broker, after which it is done without. */
const MAX_REFUSALS = 8;

/** Whether it is the broker's own word on what it was asked, and not that it is away. */
const isAnswer = (err: unknown): boolean =>
  [JetStreamApiError, JetStreamError, InvalidArgumentError, PermissionViolationError].some((one) => err instanceof one);

/** How a delivery came to its end. */
export type Ending =
  { kind: 'delivered'; attempts: number; missed: number | 'unknown' } | { kind: 'dead letter' } | { kind: 'too old' };

/** What ends the attempts of a subscription. */
export interface Halt {
  /** No new ones are begun. */
  readonly signal: AbortSignal;
  /** Those under way. A plain set: a listener for each attempt would cost more than the attempt. */
  readonly running: Set<{ abort(): void }>;
}

/**
 * What one subscription has under way: its lanes run side by side, each strictly in order, and the current states that it
 * is owed. Made when there is something to do, forgotten when nothing is left.
 */
export class Work implements Halt {
  readonly running = new Set<{ abort(): void }>();
  readonly #served: Served;
  readonly #serving: Serving;
  readonly #pace: Pace;
  readonly #lanes = new Map<string, Lane>();
  readonly #owed: OwedStates;
  readonly #stopping = new AbortController();
  readonly #tracked = new Set<Promise<void>>();
  /** Subjects whose lanes are at work. */
  readonly #atWork = new Set<string>();
  readonly #onAttached: (() => void)[] = [];
  #held = 0;
  #wakeCatchUp: () => void = () => {};
  /** The log has lost events that were due, how many is not known. */
  #hasGap = false;

  constructor(served: Served, serving: Serving, isStopped: boolean) {
    this.#served = served;
    this.#serving = serving;
    this.#pace = new Pace(serving.clock, serving.random, this.signal, () => this.#wakeCatchUp());
    this.#owed = new OwedStates(this, serving);
    if (isStopped) this.#stopping.abort();
  }

  /** Goes on where an earlier life left off. */
  resume(open: readonly (readonly [subject: string, first: number])[], hi: number, owesStates: boolean): void {
    const lanes = open.map(([subject, first]) => [subject, this.#open(subject, first - 1, hi)] as const);
    if (owesStates) this.sendStates('after');
    for (const [subject, lane] of lanes) this.#serve(subject, lane);
  }

  get record(): Served['record'] {
    return this.#served.record;
  }

  // Made when there is something to say.
  get log(): Logger {
    return this.#serving.log.child({ subscription: this.record.id });
  }

  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  get held(): number {
    return this.#held;
  }

  get openLanes(): number {
    return this.#lanes.size;
  }

  get owesStates(): boolean {
    return !this.#owed.isEmpty || [...this.#lanes.values()].some((lane) => lane.owesState);
  }

  get oldestStoredAtMs(): number | undefined {
    let oldest: number | undefined;
    for (const lane of this.#lanes.values()) {
      const storedAt = lane.oldestStoredAtMs;
      if (storedAt !== undefined && (oldest === undefined || storedAt < oldest)) oldest = storedAt;
    }
    return oldest;
  }

  /** The open lanes with their first unsettled sequence. */
  unsettled(): [subject: string, first: number][] {
    const open: [string, number][] = [];
    for (const [subject, lane] of this.#lanes) {
      if (lane.firstUnsettled !== undefined) open.push([subject, lane.firstUnsettled]);
    }
    return open;
  }

  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    this.#wakeCatchUp();
    this.caughtUp();
    const timer = setTimeout(() => {
      for (const attempt of this.running) attempt.abort();
    }, graceMs);
    await Promise.all(this.#tracked);
    clearTimeout(timer);
  }

  // --- room, and being behind

  /** Resolves when the subscription takes its events from the tail, or is stopped. */
  attached(): Promise<void> {
    if (this.#served.isAttached || this.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => this.#onAttached.push(resolve));
  }

  /** Nothing of the log is left that is not in a lane. */
  caughtUp(): void {
    for (const resolve of this.#onAttached.splice(0)) resolve();
  }

  get isFull(): boolean {
    const { heldLimit } = this.#serving;
    return this.#held >= (this.#pace.isFailing ? Math.min(HELD_WHILE_FAILING, heldLimit) : heldLimit);
  }

  /** Resolves when there may be room. */
  room(): Promise<void> {
    return new Promise((resolve) => (this.#wakeCatchUp = resolve));
  }

  /** Keeps count of what the lanes hold. */
  #change(lane: Lane, change: () => void): void {
    const held = lane.length;
    change();
    this.#held += lane.length - held;
    if (!this.isFull) this.#wakeCatchUp();
  }

  // --- lanes

  offer(event: LoggedEvent): void {
    const { subject } = event;
    const lane = this.#lanes.get(subject) ?? this.#open(subject, event.seq - 1);
    if (this.#owed.comesBefore(subject)) lane.awaitState();
    this.#change(lane, () => lane.offer(event));
    this.#serve(subject, lane);
  }

  #open(subject: string, settled: number, newest?: number): Lane {
    const told = this.#served.told(subject);
    const lane = new Lane(settled, newest, told?.sequence, told?.atMs);
    this.#lanes.set(subject, lane);
    return lane;
  }

  #serve(subject: string, lane: Lane): void {
    if (!this.#atWork.has(subject) && !this.signal.aborted) this.track(this.#serveLane(subject, lane));
  }

  async #serveLane(subject: string, lane: Lane): Promise<void> {
    this.#atWork.add(subject);
    try {
      while (!this.signal.aborted) {
        const item = this.#begin(lane);
        if (item !== undefined) {
          if (!(await this.#deliver(lane, item))) return;
          this.#served.tell(subject, item.logged === undefined ? this.#toldBy(item) : undefined);
          this.#change(lane, () => lane.settle());
        } else if (lane.gap !== undefined) {
          await this.#readOn(subject, lane, lane.gap);
        } else {
          return;
        }
      }
    } finally {
      // In the same turn as the decision to end, so that nothing is offered to a lane that nobody serves.
      this.#atWork.delete(subject);
      this.#dropIfIdle(subject, lane);
    }
  }

  #toldBy({ event }: Item): ToldState {
    return { sequence: BigInt(event.sequence), atMs: readAtMs(event, this.#serving.clock.now()) };
  }

  #begin(lane: Lane): Item | undefined {
    let item: Item | undefined;
    // A state that has found its turn is one more that is held.
    this.#change(lane, () => (item = lane.begin()));
    return item;
  }

  #dropIfIdle(subject: string, lane: Lane): void {
    if (lane.isIdle && !this.#atWork.has(subject) && !this.signal.aborted) this.#lanes.delete(subject);
  }

  async #readOn(subject: string, lane: Lane, gap: Gap): Promise<void> {
    const { from } = gap;
    const filter = oneSubject(subject);
    const recent = this.#serving.events.recent(filter, from);
    const event = recent === 'older' ? await this.ask(() => this.#serving.events.stored(filter, from)) : recent;
    if (event === 'stopped') return;
    const found = event === 'none' ? undefined : event;
    this.#change(lane, () => lane.read(found, gap));
    const isNothingFound = found === undefined || found.seq > gap.upTo;
    if (isNothingFound && from < this.#serving.events.firstStored) this.#replaceLost(subject);
  }

  /** Retention has taken all that was due of a subject: the state of now stands for it. */
  #replaceLost(subject: string): void {
    this.lostEvents();
    this.track(this.#owed.askFor([resourceOfSubject(subject)], 'after'));
    this.#serving.onOwed();
  }

  /** Retention has taken events that were due; the consumer is told with the next delivery. */
  lostEvents(): void {
    this.#hasGap = true;
    this.#serving.onGap(this.record);
  }

  // --- deliveries

  /** Tries until the item is settled one way or the other; false when stopped before. */
  async #deliver(lane: Lane, item: Item): Promise<boolean> {
    const { clock } = this.#serving;
    for (let n = 1; !this.signal.aborted; n += 1) {
      if (!this.#pace.takeTurn() && !(await this.#pace.turn())) return false;
      if (this.signal.aborted) {
        this.#pace.finished();
        return false;
      }
      const missed = lane.missed === 0 && this.#hasGap ? 'unknown' : lane.missed;
      const outcome = await this.#serving.attempt(this.record, item, { n, missed }, this);
      switch (outcome.kind) {
        case 'settled':
          this.#pace.succeeded();
          lane.told();
          if (missed !== 0) this.#hasGap = false;
          if (n > 1) this.log.info({ event: item.event.id, attempt: n }, 'delivered after failures');
          this.#serving.onEnd(this.record, item, { kind: 'delivered', attempts: n, missed });
          return true;
        case 'refused':
          this.#pace.succeeded();
          return this.#bury(item, outcome.reason);
        case 'gone':
          this.#pace.finished();
          this.#serving.onGone(this.record);
          return false;
        case 'stopped':
          this.#pace.finished();
          return false;
        case 'failed': {
          this.#pace.failed(outcome.afterMs);
          if (this.#isTooOld(lane, item)) {
            lane.miss(1);
            this.#serving.onEnd(this.record, item, { kind: 'too old' });
            return true;
          }
          this.#change(lane, () => lane.park());
          const waitMs = Math.max(backoffMs(n, this.#serving.random()), outcome.afterMs ?? 0);
          // One line at the first failure and at each doubling: a consumer that is down for hours must not fill the disk.
          if (Number.isInteger(Math.log2(n))) this.log.warn({ reason: outcome.reason, attempt: n }, 'not delivered');
          await sleep(clock, waitMs, this.signal);
        }
      }
    }
    return false;
  }

  /** Age takes only what a newer event supersedes: the newest state stays due. */
  #isTooOld(lane: Lane, { logged }: Item): boolean {
    if (logged === undefined || !lane.isSuperseded) return false;
    return this.#serving.clock.now() - logged.storedAtMs > this.#serving.maxAgeMs;
  }

  async #bury(item: Item, reason: string): Promise<boolean> {
    let refusals = 0;
    const buried = await this.ask(async () => {
      try {
        await this.#serving.bury(this.record, item, reason);
        return true;
      } catch (err) {
        // A broker that is away comes back; what it refuses time and again must not keep the next events waiting.
        if (!isAnswer(err) || (refusals += 1) < MAX_REFUSALS) throw err;
        this.log.error({ err, event: item.event.id, reason }, 'refused for good, and not kept as a dead letter');
        return false;
      }
    });
    if (buried === 'stopped') return false;
    if (buried) this.log.warn({ event: item.event.id, reason }, 'refused for good, kept as a dead letter');
    this.#serving.onEnd(this.record, item, { kind: 'dead letter' });
    return true;
  }

  // --- current states

  sendStates(order: StateOrder): void {
    this.track(this.#owed.findAll(order));
    this.#serving.onOwed();
  }

  /** A node is being asked: its lane waits, or goes on. */
  askingState(subject: string, order: StateOrder): void {
    const lane = this.#laneFor(subject);
    if (order === 'first') lane.awaitState();
    else lane.askAgain();
  }

  /** What a node has answered; undefined when it did not, or knows nothing. */
  takeState(subject: string, state: Item['event'] | undefined, order: StateOrder): void {
    const lane = this.#laneFor(subject);
    if (order === 'first') this.#change(lane, () => lane.state(state));
    else lane.stateAgain(state);
    this.#serve(subject, lane);
    this.#dropIfIdle(subject, lane);
  }

  /** No state will come for these lanes: events of a node that has written nothing down yet have waited in vain. */
  awaitNoMore(isOwed: (subject: string) => boolean): void {
    for (const [subject, lane] of this.#lanes) {
      if (isOwed(subject) || !lane.isAwaitingState) continue;
      lane.state(undefined);
      this.#serve(subject, lane);
    }
  }

  /** The lane of a subject, begun where the subscription is now. */
  #laneFor(subject: string): Lane {
    return this.#lanes.get(subject) ?? this.#open(subject, this.#served.position);
  }

  // --- what runs

  /** Asks the broker until it answers. */
  async ask<T>(question: () => Promise<T>): Promise<T | 'stopped'> {
    for (let n = 1; !this.signal.aborted; n += 1) {
      try {
        return await question();
      } catch (err) {
        if (n === 1) this.log.warn({ err }, 'the broker does not answer, trying again');
        await sleep(this.#serving.clock, backoffMs(n, this.#serving.random()), this.signal);
      }
    }
    return 'stopped';
  }

  track(work: Promise<void>): void {
    const tracked: Promise<void> = work.finally(() => {
      this.#tracked.delete(tracked);
      const isDone = this.#tracked.size === 0 && this.#lanes.size === 0 && this.#owed.isEmpty;
      if (isDone && this.#pace.isCalm && !this.#hasGap) this.#served.rest(this);
    });
    this.#tracked.add(tracked);
  }
}
