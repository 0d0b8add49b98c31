import { SubscriptionIndex } from '../subscriptions/index.js';
import type { SubscriptionRecord } from '../subscriptions/record.js';
import type { SubscriptionCursor } from './cursor.js';
import type { Backlog, DeliveryState, DeliveryStatus } from './deliveryStatus.js';
import type { EventLog, LoggedEvent } from './log.js';
import type { StateOrder } from './initialStates.js';
import type { Log, SubscriberPorts } from './ports.js';
import { Subscriber } from './subscriber.js';

/** A subscription whose event has waited for so long is behind, whatever it holds. */
const BEHIND_AFTER_MS = 10_000;

/** The log that they read, as far as all of them together have to do with it. */
export interface SharedLog extends Log {
  restart: (position: number) => void;
  passOver: (seq: number) => void;
  inMemory: EventLog['inMemory'];
}

/** How one subscription does. */
export interface Doing {
  state: DeliveryState;
  status: DeliveryStatus;
  backlog: Backlog;
  /** Age of the oldest event that waits; undefined: none does, or it is not known. */
  waitedMs: number | undefined;
}

/** What is wrong first. */
function stateOf(subscriber: Subscriber, isBehind: boolean): DeliveryState {
  if (subscriber.record.disabledAt !== undefined) return 'disabled';
  if (subscriber.isRetrying) return 'retrying';
  return isBehind ? 'behind' : 'delivering';
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
  add(record: SubscriptionRecord, resume: SubscriptionCursor, status?: DeliveryStatus): void {
    // Made while the gateway stops: the next life serves it.
    if (this.#isStopped) return;
    const subscriber = new Subscriber(record, resume, this.#ports, status);
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
    this.add(record, subscriber?.cursor(position) ?? [position, {}], subscriber?.status);
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
    const before = Array.from(this.#subscribers.values(), ({ record, status }) => ({ record, status }));
    for (const { record, status } of before) {
      void this.remove(record.id);
      this.add(record, [0, {}, true], status);
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

  /**
   * How a subscription does; undefined when it is not served.
   * @param isExact counts what waits in memory beyond its lanes, too: not for many at a time
   */
  doing(id: string, isExact: boolean): Doing | undefined {
    const subscriber = this.#subscribers.get(id);
    if (subscriber === undefined) return undefined;
    const { status } = subscriber;
    const backlog = subscriber.backlog(isExact ? this.#ports.events : undefined);
    const { oldestStoredAtMs } = backlog;
    const waitedMs =
      oldestStoredAtMs === undefined ? undefined : Math.max(0, this.#ports.clock.now() - oldestStoredAtMs);
    const isBehind = !subscriber.isAttached || (waitedMs ?? 0) >= BEHIND_AFTER_MS;
    return { state: stateOf(subscriber, isBehind), status, backlog, waitedMs };
  }

  /** How many subscriptions are in each state. */
  states(): Record<DeliveryState, number> {
    const counts = { delivering: 0, retrying: 0, behind: 0, disabled: 0 };
    const nowMs = this.#ports.clock.now();
    for (const subscriber of this.#subscribers.values()) {
      const isBehind = !subscriber.isAttached || nowMs - (subscriber.oldestStoredAtMs ?? nowMs) >= BEHIND_AFTER_MS;
      counts[stateOf(subscriber, isBehind)] += 1;
    }
    return counts;
  }

  /** No new attempts; running ones have `graceMs` to end. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopped = true;
    await Promise.all([...this.#subscribers.values()].map((subscriber) => subscriber.stop(graceMs)));
  }
}
