import type { Clock } from '../../shared/clock.js';
import type { Logger } from '../../shared/log.js';
import type { SubscriptionRecord } from '../subscriptions/record.js';
import { subscriptionCursor, type SubscriptionCursor } from './cursor.js';
import type { CurrentEvent } from './currentEvents.js';
import type { Item } from './lane.js';
import { subjectsOf, type LoggedEvent, type SubjectFilter } from './log.js';
import type { Outcome } from './outcome.js';
import type { StateOrder } from './owedStates.js';
import { Work, type Halt, type Ending } from './work.js';

/** Default of `heldLimit`. */
export const HELD_LIMIT = 1_024;

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
  attempt: (record: SubscriptionRecord, item: Item, info: AttemptInfo, halt: Halt) => Promise<Outcome>;
  /** Asks a node for the state of a resource; `onAsk` is called when its turn has come, if `signal` allows. Never rejects. */
  askState: (node: string, path: string, onAsk: () => void, signal: AbortSignal) => Promise<CurrentEvent>;
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

/** A current state that was sent: what it is current to, and when that was read on its node, ms since 1970. */
export interface ToldState {
  sequence: bigint;
  atMs: number;
}

/** A resource of one node. */
export interface Target {
  node: string;
  path: string;
}

/**
 * A subscription that is being served, and where it is. Attached, it takes its events from the tail. When it cannot keep
 * up or its endpoint fails, it is detached: the tail goes on without it, and it finds its events in the log from where it
 * left off, until there is none up to the tail: then it is attached again, in the same turn of the event loop, so that
 * nothing can come in between. Thousands of subscriptions are at rest: those have no work, and take next to no memory.
 */
export class Served {
  record: SubscriptionRecord;
  readonly #serving: Serving;
  #work: Work | undefined;
  /** Subject → the state that was sent: the events up to it may still be on their way to us. */
  #told: Map<string, ToldState> | undefined;
  /** Detached: everything up to here has been taken into the lanes. Attached: undefined. */
  #read: number | undefined;
  /** Attached from a position beyond the tail's: what the tail brings up to here is not ours. */
  readonly #start: number;
  #isStopped: boolean;

  /** @param resume where an earlier life left off */
  constructor(record: SubscriptionRecord, [hi, open, owesStates = false]: SubscriptionCursor, serving: Serving) {
    this.record = record;
    this.#serving = serving;
    this.#start = hi;
    this.#isStopped = record.disabledAt !== undefined;
    if (this.#isStopped) this.#read = hi;
    const lanes = Object.entries(open);
    if (lanes.length > 0 || owesStates) this.#working().resume(lanes, hi, owesStates);
    if (this.#read === undefined && hi < serving.events.position) this.#detach(hi);
  }

  get isAttached(): boolean {
    return this.#read === undefined;
  }

  /** Nothing is under way, and the cursor has nothing to say about it. */
  get isResting(): boolean {
    return this.#work === undefined && this.#read === undefined && this.#start <= this.#serving.events.position;
  }

  /** Events that its lanes hold in memory. */
  get held(): number {
    return this.#work?.held ?? 0;
  }

  get openLanes(): number {
    return this.#work?.openLanes ?? 0;
  }

  /** When the oldest event that waits was stored, ms since 1970; undefined when none does or it is not known. */
  get oldestStoredAtMs(): number | undefined {
    return this.#work?.oldestStoredAtMs;
  }

  /** Everything up to here has been handed to the lanes. */
  get position(): number {
    return this.#read ?? Math.max(this.#serving.events.position, this.#start);
  }

  /** From the tail: an event that matches. Gives whether it is owed: not what came before the subscription, nor while it is disabled. */
  take(event: LoggedEvent): boolean {
    const isOwed = event.seq > this.#start && this.record.disabledAt === undefined;
    if (this.#read !== undefined || event.seq <= this.#start || this.#isStopped) return isOwed;
    const work = this.#working();
    if (work.isFull) this.#detach(event.seq - 1);
    else work.offer(event);
    return isOwed;
  }

  /** Has the current state of its resources sent, as soon as their nodes answer. */
  sendStates(order: StateOrder): void {
    this.#working().sendStates(order);
  }

  /** The log has lost events that may have been its, before anybody read them: the consumer is told, and sent the states. */
  lost(): void {
    const work = this.#working();
    work.lostEvents();
    work.sendStates('after');
  }

  /** How far it has been served, when the tail has handed on everything up to `position`. */
  cursor(position: number): SubscriptionCursor | undefined {
    const hi = this.#read ?? Math.max(position, this.#start);
    const open = this.#work?.unsettled() ?? [];
    return subscriptionCursor(position, { hi, open, owesStates: this.#work?.owesStates ?? false });
  }

  /** No new attempts. Running ones have `graceMs` to end, then they are aborted; resolves when none is left. */
  async stop(graceMs: number): Promise<void> {
    // What comes from now on is not taken: the cursor must not say that it was.
    this.#read ??= this.position;
    this.#isStopped = true;
    await this.#work?.stop(graceMs);
  }

  // --- what its work asks and says

  told(subject: string): ToldState | undefined {
    return this.#told?.get(subject);
  }

  /** @param state that was sent; undefined when an event of the log was, so that no older ones follow */
  tell(subject: string, state: ToldState | undefined): void {
    if (state !== undefined) (this.#told ??= new Map()).set(subject, state);
    else if (this.#told?.delete(subject) && this.#told.size === 0) this.#told = undefined;
  }

  /** Nothing is under way any more. */
  rest(work: Work): void {
    if (!this.#isStopped && this.#work === work) this.#work = undefined;
  }

  #working(): Work {
    this.#work ??= new Work(this, this.#serving, this.#isStopped);
    return this.#work;
  }

  // --- detached

  #detach(read: number): void {
    this.#read = read;
    const work = this.#working();
    work.track(this.#catchUp(work));
  }

  /** Takes from the log whenever there is room, until nothing is left up to the tail. */
  async #catchUp(work: Work): Promise<void> {
    const filter = subjectsOf(this.record.filter);
    while (!this.#isStopped) {
      if (this.#read === undefined) return;
      if (work.isFull) {
        await work.room();
        continue;
      }
      const found = this.#serving.events.recent(filter, this.#read + 1);
      if (found === 'none') {
        this.#read = undefined;
        work.caughtUp();
        return;
      }
      if (found === 'older') await this.#readStored(work, filter, this.#read);
      else this.#takeRead(work, found);
    }
  }

  async #readStored(work: Work, filter: SubjectFilter, read: number): Promise<void> {
    const { position: before, firstStored } = this.#serving.events;
    if (read + 1 < firstStored) {
      this.#read = firstStored - 1;
      this.lost();
      return;
    }
    const event = await work.ask(() => this.#serving.events.stored(filter, read + 1));
    // Retention may have passed us by meanwhile: seen when we come here again.
    if (event === 'stopped' || read + 1 < this.#serving.events.firstStored) return;
    // The broker had nothing for us up to where the tail was when we asked. What is beyond the tail is left to the tail:
    // taken now, a lane that lets go of it would look for it in the ring, which does not have it yet, and lose it.
    if (event === undefined || event.seq > this.#serving.events.position) this.#read = Math.max(read, before);
    else this.#takeRead(work, event);
  }

  #takeRead(work: Work, event: LoggedEvent): void {
    this.#read = event.seq;
    work.offer(event);
  }
}
