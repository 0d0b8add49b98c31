import type { TailMessage } from './tail.js';

/** What the ring holds at most: a storm of a few ten thousand events, or 16 MB of longer ones. */
const MAX_MESSAGES = 32_768;
const MAX_BYTES = 16 * 1024 * 1024;

export interface RingLimits {
  messages: number;
  bytes: number;
}

/** The next match, `none` when there is none up to the tail, `older` when the ring does not reach back so far. */
export type Recent = TailMessage | 'none' | 'older';

/**
 * The most recent messages of the tail, as they came. A subscription that is a little behind is served from here: no
 * question to the broker, and what is found is found in the same turn of the event loop in which the tail stands still.
 */
export class Ring {
  /** Everything after this position up to the tail's is here. */
  #floor: number;
  #messages: (TailMessage | undefined)[] = [];
  /** Messages before this index have been dropped; their places are given up when they are the half. */
  #first = 0;
  #bytes = 0;
  readonly #limits: RingLimits;

  constructor(position: number, limits: RingLimits = { messages: MAX_MESSAGES, bytes: MAX_BYTES }) {
    this.#floor = position;
    this.#limits = limits;
  }

  push(message: TailMessage): void {
    this.#messages.push(message);
    this.#bytes += message.data.length;
    while (this.#messages.length - this.#first > this.#limits.messages || this.#bytes > this.#limits.bytes)
      this.#drop();
    if (this.#first * 2 > this.#messages.length) {
      this.#messages = this.#messages.slice(this.#first);
      this.#first = 0;
    }
  }

  /** The first message at or after a position whose subject matches. */
  next(matches: (subject: string) => boolean, from: number): Recent {
    if (from <= this.#floor) return 'older';
    for (let i = this.#indexOf(from); i < this.#messages.length; i += 1) {
      const message = this.#messages[i];
      if (message !== undefined && matches(message.subject)) return message;
    }
    return 'none';
  }

  /** Whether all that the tail has brought from a position on is here. */
  reachesBackTo(from: number): boolean {
    return from > this.#floor;
  }

  /** The messages from a position on whose subjects match, as far as they are here. */
  *from(matches: (subject: string) => boolean, from: number): Generator<TailMessage> {
    for (let i = this.#indexOf(from); i < this.#messages.length; i += 1) {
      const message = this.#messages[i];
      if (message !== undefined && matches(message.subject)) yield message;
    }
  }

  #drop(): void {
    const oldest = this.#messages[this.#first];
    if (oldest === undefined) return;
    this.#floor = oldest.seq;
    this.#bytes -= oldest.data.length;
    this.#messages[this.#first] = undefined;
    this.#first += 1;
  }

  /** Index of the first message at or after a position, by bisection. */
  #indexOf(seq: number): number {
    let low = this.#first;
    let high = this.#messages.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#messages[middle]?.seq ?? Infinity) < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
