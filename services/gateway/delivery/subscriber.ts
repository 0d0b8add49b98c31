import type { SubscriptionRecord } from '../subscriptions/record.js';
import { subscriptionCursor, type SubscriptionCursor } from './cursor.js';
import { DeliveryStatus, type Backlog } from './deliveryStatus.js';
import type { StateOrder } from './initialStates.js';
import { LaneSet } from './laneSet.js';
import { subjectsOf, type EventLog, type LoggedEvent, type SubjectFilter } from './log.js';
import type { SubscriberPorts } from './ports.js';

/** Default of `heldLimit`. */
export const HELD_LIMIT = 1_024;

/** A current state that was sent: what it is current to, and when that was read on its node, ms since 1970. */
export interface SentState {
  sequence: bigint;
  atMs: number;
}

/**
 * A subscription that is being served, and where it is. Attached, it takes its events from the tail. When it cannot keep
 * up or its endpoint fails, it is detached: the tail goes on without it, and it finds its events in the log from where it
 * left off, until there is none up to the tail: then it is attached again, in the same turn of the event loop, so that
 * nothing can come in between. Thousands of subscriptions are at rest: those have no lanes, and take next to no memory.
 */
export class Subscriber {
  record: SubscriptionRecord;
  readonly status: DeliveryStatus;
  readonly #ports: SubscriberPorts;
  #lanes: LaneSet | undefined;
  /** Subject → the state that was sent: the events up to it may still be on their way to us. */
  #sentStates: Map<string, SentState> | undefined;
  /** Detached: everything up to here has been taken into the lanes. Attached: undefined. */
  #read: number | undefined;
  /** Attached from a position beyond the tail's: what the tail brings up to here is not ours. */
  readonly #start: number;
  #isStopped: boolean;

  /**
   * @param resume where an earlier life left off
   * @param status of an earlier life in this process
   */
  constructor(
    record: SubscriptionRecord,
    [hi, open, areStatesDue = false]: SubscriptionCursor,
    ports: SubscriberPorts,
    status: DeliveryStatus = new DeliveryStatus(),
  ) {
    this.status = status;
    this.record = record;
    this.#ports = ports;
    this.#start = hi;
    this.#isStopped = record.disabledAt !== undefined;
    if (this.#isStopped) this.#read = hi;
    const lanes = Object.entries(open);
    if (lanes.length > 0 || areStatesDue) this.#laneSet().resume(lanes, hi, areStatesDue);
    if (this.#read === undefined && hi < ports.events.position) this.#detach(hi);
  }

  get isAttached(): boolean {
    return this.#read === undefined;
  }

  /** Nothing is under way, and the cursor has nothing to say about it. */
  get isResting(): boolean {
    return this.#lanes === undefined && this.#read === undefined && this.#start <= this.#ports.events.position;
  }

  /** Events that its lanes hold in memory. */
  get held(): number {
    return this.#lanes?.held ?? 0;
  }

  get openLanes(): number {
    return this.#lanes?.openLanes ?? 0;
  }

  /** When the oldest event that waits was stored, ms since 1970; undefined when none does or it is not known. */
  get oldestStoredAtMs(): number | undefined {
    return this.#lanes?.oldestStoredAtMs;
  }

  /** An event has failed and is tried again. */
  get isRetrying(): boolean {
    return this.#lanes?.isRetrying ?? false;
  }

  /**
   * What waits for it, cheaply: what its lanes hold.
   * @param log counts what is in memory beyond that, too: that takes a look at every event there
   */
  backlog(log?: Pick<EventLog, 'inMemory'>): Backlog {
    let events = 0;
    let isMore = this.#read !== undefined;
    let from = this.#read === undefined ? Infinity : this.#read + 1;
    for (const { backlog } of this.#lanes?.lanes() ?? []) {
      events += backlog.held;
      if (!backlog.isMore) continue;
      isMore = true;
      from = Math.min(from, backlog.taken + 1);
    }
    const held: Backlog = { events, orMore: isMore, oldestStoredAtMs: this.oldestStoredAtMs };
    if (log === undefined || !isMore) return held;
    return this.#withLog(held, from, log);
  }

  #withLog(held: Backlog, from: number, log: Pick<EventLog, 'inMemory'>): Backlog {
    const { messages, isComplete } = log.inMemory(subjectsOf(this.record.filter), from);
    let { events, oldestStoredAtMs } = held;
    for (const { seq, subject, storedAtMs } of messages) {
      const taken = this.#lanes?.lane(subject)?.backlog.taken ?? this.#read ?? Infinity;
      if (seq <= taken) continue;
      events += 1;
      if (isComplete) oldestStoredAtMs = Math.min(oldestStoredAtMs ?? Infinity, storedAtMs);
    }
    return { events, orMore: !isComplete, oldestStoredAtMs };
  }

  /** Everything up to here has been handed to the lanes. */
  get position(): number {
    return this.#read ?? Math.max(this.#ports.events.position, this.#start);
  }

  /** From the tail: an event that matches. Gives whether it is due: not what came before the subscription, nor while it is disabled. */
  accept(event: LoggedEvent): boolean {
    const isDue = event.seq > this.#start && this.record.disabledAt === undefined;
    if (this.#read !== undefined || event.seq <= this.#start || this.#isStopped) return isDue;
    const lanes = this.#laneSet();
    if (lanes.isFull) this.#detach(event.seq - 1);
    else lanes.offer(event);
    return isDue;
  }

  /** Has the current state of its resources sent, as soon as their nodes answer. */
  sendStates(order: StateOrder): void {
    this.#laneSet().sendStates(order);
  }

  /** The log has lost events that may have been its, before anybody read them: the consumer is told, and sent the states. */
  lost(): void {
    const lanes = this.#laneSet();
    lanes.lostEvents();
    lanes.sendStates('after');
  }

  /** How far it has been served, when the tail has handed on everything up to `position`. */
  cursor(position: number): SubscriptionCursor | undefined {
    const hi = this.#read ?? Math.max(position, this.#start);
    const open = this.#lanes?.unsettled() ?? [];
    return subscriptionCursor(position, { hi, open, areStatesDue: this.#lanes?.areStatesDue ?? false });
  }

  /** No new attempts. Running ones have `graceMs` to end, then they are aborted; resolves when none is left. */
  async stop(graceMs: number): Promise<void> {
    // What comes from now on is not taken: the cursor must not say that it was.
    this.#read ??= this.position;
    this.#isStopped = true;
    await this.#lanes?.stop(graceMs);
  }

  // --- what its lanes ask and say

  sentState(subject: string): SentState | undefined {
    return this.#sentStates?.get(subject);
  }

  /** @param state that was sent; undefined when an event of the log was, so that no older ones follow */
  sent(subject: string, state: SentState | undefined): void {
    if (state !== undefined) (this.#sentStates ??= new Map()).set(subject, state);
    else if (this.#sentStates?.delete(subject) && this.#sentStates.size === 0) this.#sentStates = undefined;
  }

  /** Nothing is under way any more. */
  rest(lanes: LaneSet): void {
    if (!this.#isStopped && this.#lanes === lanes) this.#lanes = undefined;
  }

  #laneSet(): LaneSet {
    this.#lanes ??= new LaneSet(this, this.#ports, this.#isStopped);
    return this.#lanes;
  }

  // --- detached

  #detach(read: number): void {
    this.#read = read;
    const lanes = this.#laneSet();
    lanes.track(this.#catchUp(lanes));
  }

  /** Takes from the log whenever there is room, until nothing is left up to the tail. */
  async #catchUp(lanes: LaneSet): Promise<void> {
    const filter = subjectsOf(this.record.filter);
    while (!this.#isStopped) {
      if (this.#read === undefined) return;
      if (lanes.isFull) {
        await lanes.room();
        continue;
      }
      const found = this.#ports.events.recent(filter, this.#read + 1);
      if (found === 'none') {
        this.#read = undefined;
        lanes.caughtUp();
        return;
      }
      if (found === 'older') await this.#readStored(lanes, filter, this.#read);
      else this.#takeRead(lanes, found);
    }
  }

  async #readStored(lanes: LaneSet, filter: SubjectFilter, read: number): Promise<void> {
    const { position: before, firstStored } = this.#ports.events;
    if (read + 1 < firstStored) {
      this.#read = firstStored - 1;
      this.lost();
      return;
    }
    const event = await lanes.ask(() => this.#ports.events.stored(filter, read + 1));
    // Retention may have passed us by meanwhile: seen when we come here again.
    if (event === 'stopped' || read + 1 < this.#ports.events.firstStored) return;
    // The broker had nothing for us up to where the tail was when we asked. What is beyond the tail is left to the tail:
    // taken now, a lane that lets go of it would look for it in the ring, which does not have it yet, and lose it.
    if (event === undefined || event.seq > this.#ports.events.position) this.#read = Math.max(read, before);
    else this.#takeRead(lanes, event);
  }

  #takeRead(lanes: LaneSet, event: LoggedEvent): void {
    this.#read = event.seq;
    lanes.offer(event);
  }
}
