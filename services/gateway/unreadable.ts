import { Doublings } from '../shared/doublings.js';
import type { Logger } from '../shared/log.js';

/** What is read back from the bus, where others may have written. */
export type What =
  'event' | 'past event' | 'cursor' | 'subscription' | 'publisher' | 'state' | 'answer' | 'dead letter';

/**
 * What could not be read, or was an event of the past, and was passed over: counted, and told when it happens the first
 * time and each time the count has doubled.
 */
export class Unreadable {
  readonly #log: Logger;
  readonly #onOne: (what: What) => void;
  readonly #doublings = new Doublings();

  constructor(log: Logger, onOne: (what: What) => void) {
    this.#log = log;
    this.#onOne = onOne;
  }

  /** @param detail where it was, and why it is none */
  note(what: What, detail: Record<string, unknown>): void {
    this.#onOne(what);
    this.#doublings.tell((times) => this.#log.warn({ ...detail, times }, MESSAGES[what]), what);
  }
}

const MESSAGES: Record<What, string> = {
  event: 'not an event, passed over',
  'past event': 'an event of the past was stored again, passed over',
  cursor: 'the stored cursor cannot be used, going on without it',
  subscription: 'a stored value that is no subscription, passed over',
  publisher: 'a stored value that is no publisher, passed over',
  state: 'a stored value that is no state of its node, passed over',
  answer: 'a node answered what is no state, as if it were silent',
  'dead letter': 'a stored message that is no dead letter, passed over',
};
