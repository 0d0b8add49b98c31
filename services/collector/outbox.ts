import type { Clock } from '../shared/clock.js';
import { Fifo } from '../shared/fifo.js';
import type { Journey } from './journeys.js';

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/** An event on its way to the bus. */
export interface Outgoing {
  /** The same on every attempt. */
  id: string;
  subject: string;
  body: string;
  headers: Readonly<Record<string, string>>;
  /** Whose state it tells: a newer event of the same subject and clock supersedes it. */
  clock: string;
  /** What is measured of it. */
  journey: Journey;
}

/** stored: the stream has it. retry: perhaps, ask again. refused: it never will. */
export type Sent = 'stored' | 'retry' | 'refused';

export interface OutboxOptions {
  /** Never rejects. `firstTriedMs`: monotonic time of the first attempt, undefined at the first. */
  send: (event: Outgoing, firstTriedMs: number | undefined) => Promise<Sent>;
  /** The stream has the event. */
  onStored: (event: Outgoing) => void;
  /** The event will never be on the stream: superseded while the queue was full, or refused for good. */
  onDropped: (event: Outgoing, why: 'superseded' | 'refused') => void;
  clock: Clock;
  /** Events that wait at most. */
  limit: number;
}

/** The events of one subject. At most one of them is under way: that is what keeps their order. */
interface Lane {
  waiting: Fifo<Outgoing>;
  isSending: boolean;
  attempts: number;
  firstTriedMs: number | undefined;
  cancelPause: (() => void) | undefined;
}

/**
 * Events wait here until the bus has them, in order per subject; subjects do not wait for one another. The queue is
 * bounded: when it is full the oldest event goes whose clock has told something newer since, so that the newest state
 * of every clock always arrives.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #lanes = new Map<string, Lane>();
  /** All waiting events, oldest first. */
  readonly #all = new Set<Outgoing>();
  /** The newest event of each subject and clock. */
  readonly #newest = new Map<string, Outgoing>();
  #onEmpty: (() => void)[] = [];

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  get depth(): number {
    return this.#all.size;
  }

  /** What has waited longest. */
  get oldest(): Outgoing | undefined {
    const [oldest] = this.#all;
    return oldest;
  }

  /** Never waits. */
  add(event: Outgoing): void {
    let lane = this.#lanes.get(event.subject);
    if (lane === undefined) {
      lane = { waiting: new Fifo(), isSending: false, attempts: 0, firstTriedMs: undefined, cancelPause: undefined };
      this.#lanes.set(event.subject, lane);
    }
    lane.waiting.push(event);
    this.#all.add(event);
    this.#newest.set(clockKey(event), event);
    if (this.#all.size > this.#options.limit) this.#dropOldestSuperseded();
    this.#start(lane);
  }

  /** The bus is back: nobody waits for the end of a pause. */
  retryNow(): void {
    for (const lane of this.#lanes.values()) {
      lane.cancelPause?.();
      lane.cancelPause = undefined;
      this.#start(lane);
    }
  }

  /** Resolves once nothing waits. */
  drained(): Promise<void> {
    if (this.#all.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onEmpty.push(resolve));
  }

  /** Ends all pauses without another attempt. */
  close(): void {
    for (const lane of this.#lanes.values()) lane.cancelPause?.();
  }

  #start(lane: Lane): void {
    if (lane.isSending || lane.cancelPause !== undefined) return;
    const event = lane.waiting.peek();
    if (event === undefined) return;
    lane.isSending = true;
    const firstTriedMs = lane.firstTriedMs;
    lane.firstTriedMs ??= this.#options.clock.monotonic();
    void this.#options.send(event, firstTriedMs).then((sent) => this.#settle(lane, event, sent));
  }

  #settle(lane: Lane, event: Outgoing, sent: Sent): void {
    lane.isSending = false;
    if (sent === 'retry') {
      this.#pause(lane);
      return;
    }
    lane.attempts = 0;
    lane.firstTriedMs = undefined;
    this.#remove(lane, event);
    // The next one first: whatever is measured or written down must not keep it waiting.
    this.#start(lane);
    if (sent === 'stored') this.#options.onStored(event);
    else this.#options.onDropped(event, 'refused');
    if (this.#all.size === 0) for (const resolve of this.#onEmpty.splice(0)) resolve();
  }

  #pause(lane: Lane): void {
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** lane.attempts++, LONGEST_PAUSE_MS);
    const { clock } = this.#options;
    lane.cancelPause = clock.wakeAt(clock.monotonic() + pauseMs, () => {
      lane.cancelPause = undefined;
      this.#start(lane);
    });
  }

  #dropOldestSuperseded(): void {
    for (const event of this.#all) {
      const lane = this.#lanes.get(event.subject);
      if (lane === undefined || this.#newest.get(clockKey(event)) === event) continue;
      // Only the first of a lane can have been tried, and then the stream may have it.
      if (event === lane.waiting.peek() && lane.firstTriedMs !== undefined) continue;
      this.#remove(lane, event);
      this.#options.onDropped(event, 'superseded');
      return;
    }
  }

  #remove(lane: Lane, event: Outgoing): void {
    if (lane.waiting.peek() === event) lane.waiting.shift();
    else lane.waiting.remove(event);
    this.#all.delete(event);
    const key = clockKey(event);
    if (this.#newest.get(key) === event) this.#newest.delete(key);
  }
}

const clockKey = ({ subject, clock }: Outgoing): string => `${subject} ${clock}`;
