import { SubscriptionIndex } from '../subscriptions/index.js';
import type { SubscriptionRecord } from '../subscriptions/record.js';
import type { SubscriptionCursor } from './cursor.js';
import type { LoggedEvent } from './log.js';
import type { StateOrder } from './initialStates.js';
import type { Log, SubscriberPorts } from './ports.js';
import { Subscriber } from './subscriber.js';

/** A subscription whose event has waited for so long is behind, whatever it holds. */
const BEHIND_AFTER_MS = 10_000;

/** The log that they read, as far as all of them together have to do with it. */
export interface SharedLog extends Log {
  restart: (position: number) => void;
  passOver: (seq: number) => void;
}

/** The subscriptions that are served, and how far each is. */
export class Subscribers {
  readonly #ports: SubscriberPorts & { events: SharedLog };
  readonly #index = new SubscriptionIndex<Subscriber>();
  readonly #subscribers = new Map<string, Subscriber>();
  #isStopped = false;

  constructor(ports: SubscriberPorts & { events: SharedLog }) {
    this.#ports = ports;
  }

  /** Starts to serve a subscription from where it left off. A disabled one only keeps its place. */
  add(record: SubscriptionRecord, resume: SubscriptionCursor): void {
    // Made while the gateway stops: the next life serves it.
    if (this.#isStopped) return;
    const subscriber = new Subscriber(record, resume, this.#ports);
    this.#subscribers.set(record.id, subscriber);
    this.#index.add(subscriber);
  }

  /** What is sent from now on follows the changed record. */
  update(record: SubscriptionRecord): void {
    const subscriber = this.#subscribers.get(record.id);
    if (subscriber) subscriber.record = record;
  }

  /** Stops serving a subscription; when this resolves, nothing is sent to it any more. */
  async remove(id: string): Promise<void> {
    const subscriber = this.#subscribers.get(id);
    if (subscriber === undefined) return;
    this.#subscribers.delete(id);
    this.#index.remove(subscriber);
    await subscriber.stop(0);
  }

  /** Nothing is sent to it until `enable`; it keeps its place. */
  async disable(record: SubscriptionRecord): Promise<void> {
    const subscriber = this.#subscribers.get(record.id);
    if (subscriber === undefined) return;
    subscriber.record = record;
    await subscriber.stop(0);
  }

  /** Goes on where it was disabled. */
  async enable(record: SubscriptionRecord): Promise<void> {
    await this.#subscribers.get(record.id)?.stop(0);
    if (this.#isStopped) return;
    // In one turn, so that at any time it is among those whose place is saved and whose events are read. It is another
    // one by now when the log was replaced.
    const subscriber = this.#subscribers.get(record.id);
    const { position } = this.#ports.events;
    if (subscriber) this.#index.remove(subscriber);
    this.add(record, subscriber?.cursor(position) ?? [position, {}]);
  }

  /** Has the current state of everything a subscription is about sent to it. */
  sendStates(id: string, order: StateOrder): void {
    this.#subscribers.get(id)?.sendStates(order);
  }

  /** Those that an event matches, each once. */
  matching(event: LoggedEvent): Iterable<Subscriber> {
    return this.#index.match(event.node, event.path);
  }

  /** The log was replaced: every subscription starts at the beginning of the new one, and is told what is true now. */
  startOver(): void {
    this.#ports.events.restart(0);
    const records = Array.from(this.#subscribers.values(), ({ record }) => record);
    for (const record of records) {
      void this.remove(record.id);
      this.add(record, [0, {}, true]);
    }
  }

  /** The log has lost events before the tail had read them: anybody's. */
  lost(firstSeq: number): void {
    this.#ports.events.passOver(firstSeq - 1);
    for (const subscriber of this.#subscribers.values()) subscriber.lost();
  }

  /** Every subscription that is not settled up to `position`, the tail's. */
  *cursors(position: number): Generator<[id: string, cursor: SubscriptionCursor]> {
    for (const [id, subscriber] of this.#subscribers) {
      if (subscriber.isResting) continue;
      const cursor = subscriber.cursor(position);
      if (cursor !== undefined) yield [id, cursor];
    }
  }

  /** What the subscriptions are up to, for the gauges. */
  *all(): Generator<Subscriber> {
    yield* this.#subscribers.values();
  }

  /**
   * Subscriptions that are behind: detached, or with an event that has waited for 10 s; and the age of the oldest event
   * that waits (0: none does). A disabled one waits for nobody.
   */
  backlog(): { behind: number; oldestUndeliveredSeconds: number } {
    const nowMs = this.#ports.clock.now();
    let behind = 0;
    let longestMs = 0;
    for (const subscriber of this.#subscribers.values()) {
      if (subscriber.record.disabledAt !== undefined) continue;
      const waitedMs = nowMs - (subscriber.oldestStoredAtMs ?? nowMs);
      if (!subscriber.isAttached || waitedMs >= BEHIND_AFTER_MS) behind += 1;
      longestMs = Math.max(longestMs, waitedMs);
    }
    return { behind, oldestUndeliveredSeconds: longestMs / 1_000 };
  }

  /** No new attempts; running ones have `graceMs` to end. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopped = true;
    await Promise.all([...this.#subscribers.values()].map((subscriber) => subscriber.stop(graceMs)));
  }
}
