import type { Clock } from '../../shared/clock.js';
import { BadEvent } from '../../shared/event.js';
import type { Logger } from '../../shared/log.js';
import { BadName } from '../../shared/subjects.js';
import { SubscriptionIndex } from '../subscriptions/index.js';
import type { SubscriptionRecord } from '../subscriptions/record.js';
import type { SubscriptionCursor } from './cursor.js';
import { loggedEvent, type LoggedEvent } from './log.js';
import type { Outcome } from './post.js';
import { Served, type Serving } from './served.js';
import { Slots } from './slots.js';
import type { TailMessage } from './tail.js';

/** Lanes that read from the log at the same time. */
const READS_AT_ONCE = 64;

export interface DelivererDeps {
  clock: Clock;
  log: Logger;
  post: (record: SubscriptionRecord, event: LoggedEvent, n: number, signal: AbortSignal) => Promise<Outcome>;
  /** The next message of a subject at or after a position. */
  nextOfSubject: (subject: string, from: number) => Promise<{ seq: number; data: Uint8Array } | undefined>;
  onSettled: (record: SubscriptionRecord, event: LoggedEvent, attempts: number) => void;
  /** A message that is none of our events: counted, and nothing else comes of it. */
  onBadMessage: () => void;
}

/** Hands every event of the tail to the subscriptions that match, and knows how far each has been served. */
export class Deliverer {
  readonly #deps: DelivererDeps;
  readonly #serving: Serving;
  readonly #index = new SubscriptionIndex<Served>();
  readonly #served = new Map<string, Served>();
  readonly #reads = new Slots(READS_AT_ONCE);
  readonly #stopping = new AbortController();

  constructor(deps: DelivererDeps) {
    this.#deps = deps;
    this.#serving = {
      clock: deps.clock,
      log: deps.log,
      attempt: deps.post,
      readNext: (subject, from) => this.#readNext(subject, from),
      onSettled: deps.onSettled,
    };
  }

  /** Starts to serve a subscription from where it left off. */
  add(record: SubscriptionRecord, resume: SubscriptionCursor): void {
    const served = new Served(record, resume, this.#serving);
    this.#served.set(record.id, served);
    this.#index.add(served);
  }

  /** What is sent from now on follows the changed record. */
  update(record: SubscriptionRecord): void {
    const served = this.#served.get(record.id);
    if (served) served.record = record;
  }

  /** Stops serving a subscription; when this resolves, nothing is sent to it any more. */
  async remove(id: string): Promise<void> {
    const served = this.#served.get(id);
    if (served === undefined) return;
    this.#served.delete(id);
    this.#index.remove(served);
    await served.stop(0);
  }

  /** From the tail, in order. */
  take(message: TailMessage): void {
    const event = this.#read(message);
    if (event === undefined) return;
    for (const served of this.#index.match(event.node, event.path)) served.take(event);
  }

  /** The log was replaced: every subscription starts at the beginning of the new one. */
  startOver(): void {
    const records = Array.from(this.#served.values(), ({ record }) => record);
    for (const record of records) {
      void this.remove(record.id);
      this.add(record, [0, {}]);
    }
  }

  /** Every subscription that is not settled up to `position`, the tail's. */
  *cursors(position: number): Generator<[id: string, cursor: SubscriptionCursor]> {
    for (const [id, served] of this.#served) {
      const cursor = served.cursor(position);
      if (cursor !== undefined) yield [id, cursor];
    }
  }

  get openLanes(): number {
    let lanes = 0;
    for (const served of this.#served.values()) lanes += served.openLanes;
    return lanes;
  }

  /** No new attempts; running ones have `graceMs` to end. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    await Promise.all([...this.#served.values()].map((served) => served.stop(graceMs)));
  }

  async #readNext(subject: string, from: number): Promise<LoggedEvent | undefined> {
    const giveBack = await this.#reads.take(this.#stopping.signal);
    try {
      for (let at = from; ;) {
        const message = await this.#deps.nextOfSubject(subject, at);
        if (message === undefined) return undefined;
        const event = this.#read({ subject, ...message });
        if (event !== undefined) return event;
        at = message.seq + 1;
      }
    } finally {
      giveBack?.();
    }
  }

  #read({ seq, subject, data }: TailMessage): LoggedEvent | undefined {
    try {
      return loggedEvent(seq, subject, data);
    } catch (err) {
      if (!(err instanceof BadEvent) && !(err instanceof BadName)) throw err;
      this.#deps.log.warn({ seq, subject, reason: err.message }, 'not an event, passed over');
      this.#deps.onBadMessage();
      return undefined;
    }
  }
}
