import type { Delivery } from './delivery.js';
import type { LoggedEvent } from './log.js';
import { isPast, readAtMs } from './newest.js';

/** Events a lane holds at most; what comes beyond is read from the log when its turn has come. */
export const LANE_LIMIT = 16;

/** A jump of `sequence` beyond this is a collector that lost its count, not missed events. */
const LARGEST_GAP = 1_000_000n;

/** What is delivered: an event of the log, or the node's current state. */
export interface Item {
  event: LoggedEvent['event'];
  /** Position in the log; absent for a current state. */
  logged?: LoggedEvent;
}

/** Positions between which the log has to be read. */
export interface Gap {
  from: number;
  upTo: number;
}

/**
 * The order of one subscription's events of one subject. The lane holds the next few events; when more come than it
 * holds, it remembers only that they exist, and they are read from the log by subject, one after the other, until the
 * lane has caught up. All positions are stream sequences.
 */
export class Lane {
  readonly subject: string;
  /** What is under way. */
  delivery: Delivery | undefined;
  /** The log is being read for it. */
  isReading = false;
  /** Everything up to here is settled. */
  #settled: number;
  /** Everything up to here has been taken into the queue. */
  #taken: number;
  /** The newest event that is known to be in the log. */
  #newest: number;
  /** Of the last event that was taken, and of the last that was begun. */
  #lastSequence: bigint;
  /** The last event that was taken; before the first, when the state that was sent last was read on its node. */
  #lastLogged: LoggedEvent | undefined;
  readonly #sentAtMs: number;
  #startedSequence: bigint;
  #queue: Item[] = [];
  #isAwaitingState = false;
  /** Answers that are still to come, while events go on: until then it is remembered what was sent last. */
  #asked = 0;
  /** A state that is sent once everything up to it has been. */
  #later: Item['event'] | undefined;
  #isBusy = false;
  /** The item that was begun fails: nothing else is held meanwhile. */
  #isParked = false;
  #missed = 0;

  /**
   * @param settled where the lane begins: everything up to here is settled
   * @param newest events up to here may be in the log and have to be looked for
   * @param lastSequence of the state that was sent last: events up to it are not needed
   * @param sentAtMs when that was read on its node, ms since 1970
   */
  constructor(subject: string, settled: number, newest: number = settled, lastSequence = -1n, sentAtMs = Infinity) {
    this.subject = subject;
    this.#sentAtMs = sentAtMs;
    this.#lastSequence = lastSequence;
    this.#startedSequence = lastSequence;
    this.#settled = settled;
    this.#taken = settled;
    this.#newest = Math.max(settled, newest);
  }

  /** The next event of this subject. One that was taken already is nothing new. */
  offer(event: LoggedEvent): void {
    if (event.seq <= this.#taken) return;
    const caughtUp = this.#taken >= this.#newest;
    this.#newest = Math.max(this.#newest, event.seq);
    if (caughtUp && this.#queue.length < (this.#isParked ? 1 : LANE_LIMIT)) this.#take(event);
  }

  /**
   * From the log: the first event of this subject at or after `gap.from`; undefined when there is none.
   * @param gap as it was when the log was asked: more may have been offered since
   */
  read(event: LoggedEvent | undefined, gap: Gap): void {
    // What lies beyond will be offered: taken now, it would be taken twice when the lane has closed by then.
    if (event === undefined || event.seq > gap.upTo) this.#taken = Math.max(this.#taken, gap.upTo);
    else if (event.seq > this.#taken) this.#take(event);
    this.#settleUpToQueue();
  }

  /** Nothing more is started until the node has been asked for its current state. */
  awaitState(): void {
    this.#isAwaitingState = true;
  }

  get isAwaitingState(): boolean {
    return this.#isAwaitingState;
  }

  /**
   * The node's answer: current to the sequence of its last event, so events up to that one are not needed any more.
   * An answer older than what was started already is dropped; so is none.
   */
  state(event: LoggedEvent['event'] | undefined): void {
    this.#isAwaitingState = false;
    if (event === undefined) return;
    const sequence = BigInt(event.sequence);
    if (sequence < this.#startedSequence) return;
    const busy = this.#isBusy ? 1 : 0;
    const newer = this.#queue.slice(busy).filter((item) => BigInt(item.event.sequence) > sequence);
    this.#queue = [...this.#queue.slice(0, busy), { event }, ...newer];
    if (sequence > this.#lastSequence) this.#lastSequence = sequence;
  }

  /** The node is being asked, and nothing waits for its answer. */
  askAgain(): void {
    this.#asked += 1;
  }

  /** Its answer, or none: the state comes after everything that is due up to it, and stands for nothing. */
  stateAgain(event: LoggedEvent['event'] | undefined): void {
    this.#asked -= 1;
    this.#later = event ?? this.#later;
  }

  /** Takes up the item whose turn it is, until `settle`. */
  begin(): Item | undefined {
    if (this.#isAwaitingState || this.#isBusy) return undefined;
    this.#queueLater();
    const [item] = this.#queue;
    if (item === undefined) return undefined;
    this.#isBusy = true;
    this.#startedSequence = BigInt(item.event.sequence);
    return item;
  }

  #queueLater(): void {
    if (this.#later === undefined) return;
    const sequence = BigInt(this.#later.sequence);
    const [next] = this.#queue;
    const isMoreDue = next === undefined ? this.#taken < this.#newest : BigInt(next.event.sequence) <= sequence;
    if (isMoreDue) return;
    if (sequence >= this.#startedSequence) this.#queue.unshift({ event: this.#later });
    if (sequence > this.#lastSequence) this.#lastSequence = sequence;
    this.#later = undefined;
  }

  /** The item that was begun has failed and will be tried again: what comes after it is left to the log. */
  park(): void {
    this.#isParked = true;
    const [head, ...rest] = this.#queue;
    if (head === undefined || rest.every(({ logged }) => logged === undefined)) return;
    this.#queue = [head, ...rest.filter(({ logged }) => logged === undefined)];
    this.#taken = head.logged?.seq ?? this.#settled;
    this.#lastSequence = this.#queue.map(({ event }) => BigInt(event.sequence)).reduce((a, b) => (a > b ? a : b));
  }

  /** The item that was begun is settled. */
  settle(): void {
    this.#isBusy = false;
    this.#isParked = false;
    const logged = this.#queue.shift()?.logged;
    if (logged !== undefined) this.#settled = logged.seq;
    this.#settleUpToQueue();
  }

  /** When nothing is queued but more is in the log: where. */
  get gap(): Gap | undefined {
    const isEmpty = this.#queue.length === 0 && !this.#isAwaitingState;
    return isEmpty && this.#taken < this.#newest ? { from: this.#taken + 1, upTo: this.#newest } : undefined;
  }

  /** Whether there is a newer event than the one whose turn it is. */
  get isSuperseded(): boolean {
    return this.#queue.length > 1 || this.#taken < this.#newest;
  }

  /** The first sequence that may be unsettled, or undefined when the lane has nothing left to deliver from the log. */
  get firstUnsettled(): number | undefined {
    return this.#settled >= this.#newest ? undefined : this.#settled + 1;
  }

  /** A current state waits to be delivered, or is still asked for. */
  get isStateDue(): boolean {
    return this.#isAwaitingState || this.#later !== undefined || this.#queue.some(({ logged }) => logged === undefined);
  }

  /** When the first event that waits was stored, ms since 1970. */
  get oldestStoredAtMs(): number | undefined {
    return this.#queue.find(({ logged }) => logged !== undefined)?.logged?.storedAtMs;
  }

  /** Whether the item whose turn it is has failed, and is tried again. */
  get isFailing(): boolean {
    return this.#isParked;
  }

  /** Events of the log that it holds, and whether there are more of its in the log. */
  get backlog(): { held: number; taken: number; isMore: boolean } {
    const held = this.#queue.filter(({ logged }) => logged !== undefined).length;
    return { held, taken: this.#taken, isMore: this.#taken < this.#newest };
  }

  get isIdle(): boolean {
    const isStateDue = this.#isAwaitingState || this.#asked > 0 || this.#later !== undefined;
    return this.#queue.length === 0 && this.#taken >= this.#newest && !isStateDue;
  }

  /** An item was begun, and is not settled. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  get length(): number {
    return this.#queue.length;
  }

  /** An event was given up: the next delivery says how many. */
  miss(count: number): void {
    this.#missed += count;
  }

  get missed(): number {
    return this.#missed;
  }

  /** The consumer has been told. */
  told(): void {
    this.#missed = 0;
  }

  #take(logged: LoggedEvent): void {
    this.#taken = logged.seq;
    // A sequence that came before is a repeat that the broker did not recognise.
    const sequence = BigInt(logged.event.sequence);
    if (sequence <= this.#lastSequence && this.#isPast(logged)) return this.#settleUpToQueue();
    this.#lastLogged = logged;
    const gap = sequence - this.#lastSequence - 1n;
    if (this.#lastSequence >= 0n && gap > 0n && gap <= LARGEST_GAP) this.miss(Number(gap));
    this.#lastSequence = sequence;
    this.#queue.push({ event: logged.event, logged });
  }

  #isPast({ event, storedAtMs }: LoggedEvent): boolean {
    const last = this.#lastLogged;
    const atMs = last === undefined ? this.#sentAtMs : readAtMs(last.event, last.storedAtMs);
    return isPast(
      { sequence: Number(event.sequence), atMs: readAtMs(event, storedAtMs) },
      { sequence: Number(this.#lastSequence), atMs },
    );
  }

  // A state that waits may stand for events that were dropped for it: until it is settled they are not.
  #settleUpToQueue(): void {
    const [next] = this.#queue;
    if (next === undefined) this.#settled = this.#taken;
    else if (next.logged !== undefined) this.#settled = Math.max(this.#settled, next.logged.seq - 1);
  }
}
