import { sleep, type Clock } from '../../shared/clock.js';
import type { Logger } from '../../shared/log.js';
import type { SubscriptionRecord } from '../subscriptions/record.js';
import { backoffMs } from './backoff.js';
import { subscriptionCursor, type SubscriptionCursor } from './cursor.js';
import { Lane } from './lane.js';
import type { LoggedEvent } from './log.js';
import type { Outcome } from './post.js';
import { Slots } from './slots.js';

/** Attempts that one subscription may have running; several consumers may share an ingress. */
const RUNNING_LIMIT = 4;

/** What serving a subscription needs from the rest of the gateway. */
export interface Serving {
  clock: Clock;
  log: Logger;
  /** One attempt to deliver. Never rejects. */
  attempt: (record: SubscriptionRecord, event: LoggedEvent, n: number, signal: AbortSignal) => Promise<Outcome>;
  /** The next event of a subject at or after a position; rejects while the broker is away. */
  readNext: (subject: string, from: number) => Promise<LoggedEvent | undefined>;
  /** Something was settled: the cursor can move. */
  onSettled: (record: SubscriptionRecord, event: LoggedEvent, attempts: number) => void;
}

/** A subscription that is being served: its lanes run side by side, each strictly in order. */
export class Served {
  record: SubscriptionRecord;
  readonly #serving: Serving;
  readonly #log: Logger;
  readonly #lanes = new Map<string, Lane>();
  readonly #slots = new Slots(RUNNING_LIMIT);
  /** No new attempts, no more waiting. */
  readonly #stopping = new AbortController();
  /** Running attempts end too. */
  readonly #aborting = new AbortController();
  readonly #running = new Set<Promise<void>>();
  /** Events up to here are settled, or belong to a lane that finds them in the log. */
  readonly #hi: number;

  /** @param resume where an earlier run left off */
  constructor(record: SubscriptionRecord, [hi, open]: SubscriptionCursor, serving: Serving) {
    this.record = record;
    this.#hi = hi;
    this.#serving = serving;
    this.#log = serving.log.child({ subscription: record.id });
    for (const [subject, first] of Object.entries(open)) this.#run(subject, new Lane(first - 1, hi));
  }

  /** From the tail: an event that matches. */
  take(event: LoggedEvent): void {
    if (event.seq <= this.#hi) return;
    const lane = this.#lanes.get(event.subject);
    if (lane !== undefined) return lane.offer(event);
    const opened = new Lane(event.seq - 1);
    opened.offer(event);
    this.#run(event.subject, opened);
  }

  /** How far it has been served, when the tail has handed on everything up to `position`. */
  cursor(position: number): SubscriptionCursor | undefined {
    const open: [string, number][] = [];
    for (const [subject, lane] of this.#lanes) {
      if (lane.firstUnsettled !== undefined) open.push([subject, lane.firstUnsettled]);
    }
    return subscriptionCursor(position, this.#hi, open);
  }

  get openLanes(): number {
    return this.#lanes.size;
  }

  /** No new attempts. Running ones have `graceMs` to end, then they are aborted; resolves when none is left. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    const timer = setTimeout(() => this.#aborting.abort(), graceMs);
    await Promise.all(this.#running);
    clearTimeout(timer);
  }

  #run(subject: string, lane: Lane): void {
    this.#lanes.set(subject, lane);
    const running = this.#serveLane(subject, lane).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #serveLane(subject: string, lane: Lane): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      if (lane.head !== undefined) {
        const attempts = await this.#deliver(lane.head);
        if (attempts === undefined) return;
        const event = lane.head;
        lane.settle();
        this.#serving.onSettled(this.record, event, attempts);
      } else if (lane.readFrom !== undefined) {
        await this.#readOn(subject, lane, lane.readFrom);
      } else {
        this.#lanes.delete(subject);
        return;
      }
    }
  }

  /** Tries until the event is settled; gives the number of attempts, or undefined when stopped before. */
  async #deliver(event: LoggedEvent): Promise<number | undefined> {
    const { signal } = this.#stopping;
    for (let n = 1; !signal.aborted; n += 1) {
      const giveBack = await this.#slots.take(signal);
      if (giveBack === undefined) return undefined;
      const outcome = await this.#serving.attempt(this.record, event, n, this.#aborting.signal).finally(giveBack);
      if (outcome.kind === 'settled') {
        if (n > 1) this.#log.info({ seq: event.seq, attempt: n }, 'delivered after failures');
        return n;
      }
      if (signal.aborted) return undefined;
      const waitMs = Math.max(backoffMs(n, Math.random()), outcome.afterMs ?? 0);
      // One line at the first failure and at each doubling: a consumer that is down for hours must not fill the disk.
      if (Number.isInteger(Math.log2(n)))
        this.#log.warn({ reason: outcome.reason, attempt: n, waitMs }, 'not delivered');
      await sleep(this.#serving.clock, waitMs, signal);
    }
    return undefined;
  }

  async #readOn(subject: string, lane: Lane, from: number): Promise<void> {
    const { signal } = this.#stopping;
    for (let n = 1; !signal.aborted; n += 1) {
      try {
        const next = await this.#serving.readNext(subject, from);
        lane.read(next);
        return;
      } catch (err) {
        if (n === 1) this.#log.warn({ err, subject }, 'cannot read on from the log, trying again');
        await sleep(this.#serving.clock, backoffMs(n, Math.random()), signal);
      }
    }
  }
}
