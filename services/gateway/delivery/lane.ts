import type { LoggedEvent } from './log.js';

/** Events a lane holds at most; what comes beyond is read from the log when its turn has come. */
export const LANE_LIMIT = 16;

/**
 * The order of one subscription's events of one subject. The lane holds the next few events; when more come than it
 * holds, it remembers only that they exist, and they are read from the log by subject, one after the other, until the
 * lane has caught up with the tail. All positions are stream sequences.
 */
export class Lane {
  /** Everything up to here is settled. */
  #settled: number;
  /** Everything up to here has been taken into the queue. */
  #taken: number;
  /** The newest event that is known to be in the log. */
  #newest: number;
  #lastSequence = -1n;
  readonly #queue: LoggedEvent[] = [];

  /**
   * @param settled where the lane begins: everything up to here is settled
   * @param newest events up to here may be in the log and have to be looked for
   */
  constructor(settled: number, newest: number = settled) {
    this.#settled = settled;
    this.#taken = settled;
    this.#newest = Math.max(settled, newest);
  }

  /** From the tail: the next event of this subject. One that was taken already is nothing new. */
  offer(event: LoggedEvent): void {
    if (event.seq <= this.#taken) return;
    const caughtUp = this.#taken >= this.#newest;
    this.#newest = Math.max(this.#newest, event.seq);
    if (caughtUp && this.#queue.length < LANE_LIMIT) this.#take(event);
  }

  /** From the log: the first event of this subject after `readFrom`, or undefined when there is none. */
  read(event: LoggedEvent | undefined): void {
    if (event === undefined) this.#taken = this.#newest;
    else if (event.seq > this.#taken) {
      this.#newest = Math.max(this.#newest, event.seq);
      this.#take(event);
    }
    this.#settleUpToQueue();
  }

  /** The event whose turn it is. */
  get head(): LoggedEvent | undefined {
    return this.#queue[0];
  }

  /** When nothing is queued but more is in the log: the position to read from. */
  get readFrom(): number | undefined {
    return this.#queue.length === 0 && this.#taken < this.#newest ? this.#taken + 1 : undefined;
  }

  /** The head is settled. */
  settle(): void {
    const event = this.#queue.shift();
    if (event === undefined) return;
    this.#settled = event.seq;
    this.#settleUpToQueue();
  }

  /** The first sequence that may be unsettled, or undefined when the lane has nothing left to do. */
  get firstUnsettled(): number | undefined {
    if (this.#queue.length === 0 && this.#taken >= this.#newest) return undefined;
    return this.#settled + 1;
  }

  #take(event: LoggedEvent): void {
    this.#taken = event.seq;
    // A sequence that came before is a repeat that the broker did not recognise.
    const sequence = BigInt(event.event.sequence);
    if (sequence <= this.#lastSequence) return this.#settleUpToQueue();
    this.#lastSequence = sequence;
    this.#queue.push(event);
  }

  #settleUpToQueue(): void {
    if (this.#queue.length === 0) this.#settled = this.#taken;
  }
}
