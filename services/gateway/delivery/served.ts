import { sleep, type Clock } from '../../shared/clock.js';
import type { Logger } from '../../shared/log.js';
import { eventSubject, resourceOfSubject } from '../../shared/subjects.js';
import type { SubscriptionRecord } from '../subscriptions/record.js';
import { backoffMs } from './backoff.js';
import { subscriptionCursor, type SubscriptionCursor } from './cursor.js';
import { Lane, type Gap, type Item } from './lane.js';
import { oneSubject, subjectsOf, type LoggedEvent, type SubjectFilter } from './log.js';
import type { CurrentEvent } from './currentEvents.js';
import { Pace } from './pace.js';
import type { Outcome } from './post.js';

/** Default of `heldLimit`. */
export const HELD_LIMIT = 1_024;
/** While the endpoint fails: enough that several lanes can be tried. */
const HELD_WHILE_FAILING = 8;

/** Pauses between asking a node that does not answer: it may be starting, or gone for good. */
const FIRST_ASK_PAUSE_MS = 125;
const LONGEST_ASK_PAUSE_MS = 60_000;

/** What serving a subscription needs from the rest of the gateway. */
export interface Serving {
  clock: Clock;
  log: Logger;
  random: () => number;
  /** Longest time from the broker's store to a failed attempt, for events that a newer one supersedes, in ms. */
  maxAgeMs: number;
  /** Events that the lanes of one subscription hold at most; what comes beyond is found in the log. */
  heldLimit: number;
  events: {
    /** The tail's: everything up to here has been handed on. */
    readonly position: number;
    /** Retention has taken what is before this. */
    readonly firstStored: number;
    recent: (filter: SubjectFilter, from: number) => LoggedEvent | 'none' | 'older';
    stored: (filter: SubjectFilter, from: number) => Promise<LoggedEvent | undefined>;
  };
  /** One attempt to deliver. Never rejects. */
  attempt: (record: SubscriptionRecord, item: Item, info: AttemptInfo, signal: AbortSignal) => Promise<Outcome>;
  /** Asks a node for the state of a resource; `onAsk` is called when its turn has come. Never rejects. */
  askState: (node: string, path: string, onAsk: () => void) => Promise<CurrentEvent>;
  /** Keeps what the consumer refused for good; rejects while the broker is away. */
  bury: (record: SubscriptionRecord, item: Item, reason: string) => Promise<void>;
  onEnd: (record: SubscriptionRecord, item: Item, end: Ending) => void;
  /** The resources of known nodes that a subscription is about; rejects while the broker is away. */
  targetsOf: (record: SubscriptionRecord) => Target[] | Promise<Target[]>;
  /** Current states are owed: the cursor has to say so. */
  onOwed: () => void;
  /** Retention has taken events that were still due; the current states are sent in their place. */
  onGap: (record: SubscriptionRecord) => void;
  /** The endpoint says that nobody is there any more. */
  onGone: (record: SubscriptionRecord) => void;
}

export interface AttemptInfo {
  /** From 1. */
  n: number;
  /** Events of this resource that were given up since the last delivery; `unknown` when the log has lost some. */
  missed: number | 'unknown';
}

/** How a delivery came to its end. */
export type Ending =
  { kind: 'delivered'; attempts: number; missed: number | 'unknown' } | { kind: 'dead letter' } | { kind: 'too old' };

/** A resource of one node. */
export interface Target {
  node: string;
  path: string;
}

/**
 * A subscription that is being served. Attached, it takes its events from the tail; its lanes run side by side, each
 * strictly in order. When it cannot keep up or its endpoint fails, it is detached: the tail goes on without it, and it
 * finds its events in the log from where it left off, until there is none up to the tail: then it is attached again,
 * in the same turn of the event loop, so that nothing can come in between.
 */
export class Served {
  record: SubscriptionRecord;
  readonly #serving: Serving;
  readonly #pace: Pace;
  readonly #lanes = new Map<string, Lane>();
  readonly #stopping = new AbortController();
  readonly #aborting = new AbortController();
  readonly #running = new Set<Promise<void>>();
  /** Subjects whose current state is still to be sent, and whether their nodes have been asked in vain. */
  readonly #owed = new Map<string, { target: Target; isSilent: boolean }>();
  /** Subject → sequence of the state that was sent: the events up to it may still be on their way to us. */
  readonly #told = new Map<string, bigint>();
  /** Subjects whose lanes are at work. */
  readonly #atWork = new Set<string>();
  /** Attached: undefined. Detached: everything up to here has been taken into the lanes. */
  #read: number | undefined;
  /** Attached from a position beyond the tail's: what the tail brings up to here is not ours. */
  readonly #start: number;
  #held = 0;
  #wakeCatchUp: () => void = () => {};
  #isAskingAgain = false;
  /** Current states are due, and which ones is still being found out. */
  #areStatesDue = false;
  /** The log has lost events that were due, how many is not known. */
  #hasGap = false;

  /** @param resume where an earlier life left off */
  constructor(record: SubscriptionRecord, [hi, open, owesStates]: SubscriptionCursor, serving: Serving) {
    this.record = record;
    this.#serving = serving;
    this.#pace = new Pace(serving.clock, serving.random, this.#stopping.signal, () => this.#wakeCatchUp());
    this.#start = hi;
    const lanes = Object.entries(open).map(
      ([subject, first]) => [subject, this.#open(subject, first - 1, hi)] as const,
    );
    if (record.disabledAt !== undefined) {
      this.#read = hi;
      this.#stopping.abort();
    }
    if (owesStates) this.sendStates();
    for (const [subject, lane] of lanes) this.#serve(subject, lane);
    if (this.#read === undefined && hi < serving.events.position) this.#detach(hi);
  }

  // Made when there is something to say: thousands of subscriptions are at rest.
  get #log(): Logger {
    return this.#serving.log.child({ subscription: this.record.id });
  }

  get isAttached(): boolean {
    return this.#read === undefined;
  }

  /** Events that its lanes hold in memory. */
  get held(): number {
    return this.#held;
  }

  get openLanes(): number {
    return this.#lanes.size;
  }

  /** From the tail: an event that matches. */
  take(event: LoggedEvent): void {
    if (this.#read !== undefined || event.seq <= this.#start || this.#stopping.signal.aborted) return;
    if (this.#isFull()) this.#detach(event.seq - 1);
    else this.#offer(event);
  }

  /**
   * Has the current state of its resources sent, as soon as their nodes answer; events that come meanwhile wait for it.
   */
  sendStates(): void {
    this.#areStatesDue = true;
    this.#serving.onOwed();
    this.#track(this.#findStates());
  }

  /** The log has lost events that may have been its, before anybody read them: the state of now stands for them. */
  lost(): void {
    this.#hasGap = true;
    this.#serving.onGap(this.record);
    this.sendStates();
  }

  /** How far it has been served, when the tail has handed on everything up to `position`. */
  cursor(position: number): SubscriptionCursor | undefined {
    const open: [string, number][] = [];
    for (const [subject, lane] of this.#lanes) {
      if (lane.firstUnsettled !== undefined) open.push([subject, lane.firstUnsettled]);
    }
    const hi = this.#read ?? Math.max(position, this.#start);
    const owesStates =
      this.#areStatesDue || this.#owed.size > 0 || [...this.#lanes.values()].some((lane) => lane.owesState);
    return subscriptionCursor(position, { hi, open, owesStates });
  }

  /** When the oldest event that waits was stored, ms since 1970; undefined when none does or it is not known. */
  get oldestStoredAtMs(): number | undefined {
    let oldest: number | undefined;
    for (const lane of this.#lanes.values()) {
      const storedAt = lane.oldestStoredAtMs;
      if (storedAt !== undefined && (oldest === undefined || storedAt < oldest)) oldest = storedAt;
    }
    return oldest;
  }

  /** No new attempts. Running ones have `graceMs` to end, then they are aborted; resolves when none is left. */
  async stop(graceMs: number): Promise<void> {
    // What comes from now on is not taken: the cursor must not say that it was.
    this.#read ??= Math.max(this.#serving.events.position, this.#start);
    this.#stopping.abort();
    this.#wakeCatchUp();
    const timer = setTimeout(() => this.#aborting.abort(), graceMs);
    await Promise.all(this.#running);
    clearTimeout(timer);
  }

  // --- attached and detached

  #isFull(): boolean {
    return (
      this.#held >=
      (this.#pace.isFailing ? Math.min(HELD_WHILE_FAILING, this.#serving.heldLimit) : this.#serving.heldLimit)
    );
  }

  #detach(read: number): void {
    this.#read = read;
    this.#track(this.#catchUp());
  }

  /** Takes from the log whenever there is room, until nothing is left up to the tail. */
  async #catchUp(): Promise<void> {
    const filter = subjectsOf(this.record.filter);
    while (!this.#stopping.signal.aborted) {
      if (this.#read === undefined) return;
      if (this.#isFull()) {
        await new Promise<void>((resolve) => (this.#wakeCatchUp = resolve));
        continue;
      }
      const found = this.#serving.events.recent(filter, this.#read + 1);
      if (found === 'none') {
        this.#read = undefined;
        return;
      }
      if (found === 'older') await this.#readStored(filter, this.#read);
      else this.#takeRead(found);
    }
  }

  async #readStored(filter: SubjectFilter, read: number): Promise<void> {
    const { position: before, firstStored } = this.#serving.events;
    if (read + 1 < firstStored) {
      this.#read = firstStored - 1;
      this.lost();
      return;
    }
    const event = await this.#ask(() => this.#serving.events.stored(filter, read + 1));
    // Retention may have passed us by meanwhile: seen when we come here again.
    if (event === 'stopped' || read + 1 < this.#serving.events.firstStored) return;
    // The broker had nothing for us up to where the tail was when we asked. What is beyond the tail is left to the tail:
    // taken now, a lane that lets go of it would look for it in the ring, which does not have it yet, and lose it.
    if (event === undefined || event.seq > this.#serving.events.position) this.#read = Math.max(read, before);
    else this.#takeRead(event);
  }

  #takeRead(event: LoggedEvent): void {
    this.#read = event.seq;
    this.#offer(event);
  }

  // --- lanes

  #open(subject: string, settled: number, newest?: number): Lane {
    const lane = new Lane(settled, newest, this.#told.get(subject));
    this.#lanes.set(subject, lane);
    return lane;
  }

  #offer(event: LoggedEvent): void {
    const { subject } = event;
    const lane = this.#lanes.get(subject) ?? this.#open(subject, event.seq - 1);
    const owed = this.#owed.get(subject);
    // The state that was promised comes first; when the node was silent, the event is its newest state.
    if (owed?.isSilent) this.#owed.delete(subject);
    else if (owed !== undefined || this.#areStatesDue) lane.awaitState();
    this.#change(lane, () => lane.offer(event));
    this.#serve(subject, lane);
  }

  /** Keeps count of what the lanes hold. */
  #change(lane: Lane, change: () => void): void {
    const held = lane.length;
    change();
    this.#held += lane.length - held;
    if (!this.#isFull()) this.#wakeCatchUp();
  }

  #serve(subject: string, lane: Lane): void {
    if (!this.#atWork.has(subject) && !this.#stopping.signal.aborted) this.#track(this.#serveLane(subject, lane));
  }

  async #serveLane(subject: string, lane: Lane): Promise<void> {
    this.#atWork.add(subject);
    try {
      while (!this.#stopping.signal.aborted) {
        const item = lane.begin();
        if (item !== undefined) {
          if (!(await this.#deliver(lane, item))) return;
          if (item.logged === undefined) this.#told.set(subject, BigInt(item.event.sequence));
          else this.#told.delete(subject);
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

  #dropIfIdle(subject: string, lane: Lane): void {
    if (lane.isIdle && !this.#atWork.has(subject) && !this.#stopping.signal.aborted) this.#lanes.delete(subject);
  }

  async #readOn(subject: string, lane: Lane, gap: Gap): Promise<void> {
    const { from } = gap;
    const filter = oneSubject(subject);
    const recent = this.#serving.events.recent(filter, from);
    const event = recent === 'older' ? await this.#ask(() => this.#serving.events.stored(filter, from)) : recent;
    if (event === 'stopped') return;
    const found = event === 'none' ? undefined : event;
    this.#change(lane, () => lane.read(found, gap));
    const isNothingFound = found === undefined || found.seq > gap.upTo;
    if (isNothingFound && from < this.#serving.events.firstStored) this.#replaceLost(subject);
  }

  /** Retention has taken all that was due of a subject: the state of now stands for it. */
  #replaceLost(subject: string): void {
    this.#hasGap = true;
    this.#serving.onGap(this.record);
    this.#track(this.#askStates([resourceOfSubject(subject)]));
    this.#serving.onOwed();
  }

  /** Tries until the item is settled one way or the other; false when stopped before. */
  async #deliver(lane: Lane, item: Item): Promise<boolean> {
    const { signal } = this.#stopping;
    const { clock } = this.#serving;
    for (let n = 1; !signal.aborted; n += 1) {
      if (!(await this.#pace.turn())) return false;
      if (signal.aborted) {
        this.#pace.finished();
        return false;
      }
      const missed = lane.missed === 0 && this.#hasGap ? 'unknown' : lane.missed;
      const outcome = await this.#serving.attempt(this.record, item, { n, missed }, this.#aborting.signal);
      switch (outcome.kind) {
        case 'settled':
          this.#pace.succeeded();
          lane.told();
          if (missed !== 0) this.#hasGap = false;
          if (n > 1) this.#log.info({ event: item.event.id, attempt: n }, 'delivered after failures');
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
          if (Number.isInteger(Math.log2(n))) this.#log.warn({ reason: outcome.reason, attempt: n }, 'not delivered');
          await sleep(clock, waitMs, signal);
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
    const buried = await this.#ask(() => this.#serving.bury(this.record, item, reason));
    if (buried === 'stopped') return false;
    this.#log.warn({ event: item.event.id, reason }, 'refused for good, kept as a dead letter');
    this.#serving.onEnd(this.record, item, { kind: 'dead letter' });
    return true;
  }

  // --- current states

  async #findStates(): Promise<void> {
    const targets = await this.#ask(async () => this.#serving.targetsOf(this.record));
    if (targets === 'stopped') return;
    this.#areStatesDue = false;
    const asked = this.#askStates(targets);
    // Events of a node that has written nothing down yet have waited in vain.
    for (const [subject, lane] of this.#lanes) {
      if (this.#owed.has(subject) || !lane.isAwaitingState) continue;
      lane.state(undefined);
      this.#serve(subject, lane);
    }
    await asked;
  }

  /** At once; then those whose nodes were silent, again and again. */
  async #askStates(targets: Target[]): Promise<void> {
    for (const target of targets) {
      this.#owed.set(eventSubject(target.node, target.path), { target, isSilent: false });
    }
    await Promise.all(targets.map((target) => this.#askState(target)));
    if (!this.#isAskingAgain) await this.#askAgain();
  }

  /** Asks the silent ones, after pauses that grow. What is owed beside them is asked for at once, by somebody else. */
  async #askAgain(): Promise<void> {
    this.#isAskingAgain = true;
    for (let round = 1; this.#owed.size > 0 && !this.#stopping.signal.aborted; round += 1) {
      const pauseMs = Math.min(LONGEST_ASK_PAUSE_MS, FIRST_ASK_PAUSE_MS * 2 ** Math.min(round, 10));
      await sleep(this.#serving.clock, pauseMs, this.#stopping.signal);
      const silent = [...this.#owed.values()].filter(({ isSilent }) => isSilent);
      await Promise.all(silent.map(({ target }) => this.#askState(target)));
    }
    this.#isAskingAgain = false;
  }

  async #askState({ node, path }: Target): Promise<void> {
    const subject = eventSubject(node, path);
    const answer = await this.#serving.askState(node, path, () => this.#laneFor(subject).awaitState());
    const lane = this.#laneFor(subject);
    this.#change(lane, () => lane.state(answer.kind === 'current' ? answer.event : undefined));
    // A node that does not answer is asked again; one that knows nothing will publish when it does.
    const owed = this.#owed.get(subject);
    if (answer.kind === 'silent' && owed !== undefined) owed.isSilent = true;
    else this.#owed.delete(subject);
    this.#serve(subject, lane);
    this.#dropIfIdle(subject, lane);
  }

  /** The lane of a subject, begun where the subscription is now. */
  #laneFor(subject: string): Lane {
    const position = this.#read ?? Math.max(this.#serving.events.position, this.#start);
    return this.#lanes.get(subject) ?? this.#open(subject, position);
  }

  // --- questions to the broker

  /** Asks the broker until it answers. */
  async #ask<T>(question: () => Promise<T>): Promise<T | 'stopped'> {
    const { signal } = this.#stopping;
    for (let n = 1; !signal.aborted; n += 1) {
      try {
        return await question();
      } catch (err) {
        if (n === 1) this.#log.warn({ err }, 'the broker does not answer, trying again');
        await sleep(this.#serving.clock, backoffMs(n, this.#serving.random()), signal);
      }
    }
    return 'stopped';
  }

  #track(work: Promise<void>): void {
    const tracked: Promise<void> = work.finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
  }
}
