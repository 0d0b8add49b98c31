import type { Logger } from '../../shared/log.js';
import { SubscriptionIndex } from '../subscriptions/index.js';
import type { SubscriptionRecord } from '../subscriptions/record.js';
import type { SubscriptionCursor } from './cursor.js';
import type { Backlog, DeliveryState, DeliveryStatus } from './deliveryStatus.js';
import type { EventLog, LoggedEvent } from './log.js';
import type { StateOrder } from './owedStates.js';
import { Served, type Serving } from './served.js';
import type { TailMessage } from './tail.js';

/** A subscription whose event has waited for so long is behind, whatever it holds. */
const BEHIND_AFTER_MS = 10_000;

export interface DelivererDeps extends Serving {
  log: Logger;
  events: EventLog;
  /** An event of the tail is owed to so many subscriptions. */
  onMatched: (event: LoggedEvent, matches: number) => void;
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
function stateOf(served: Served, isBehind: boolean): DeliveryState {
  if (served.record.disabledAt !== undefined) return 'disabled';
  if (served.isRetrying) return 'retrying';
  return isBehind ? 'behind' : 'delivering';
}

/** Hands every event of the tail to the subscriptions that match, and knows how far each has been served. */
export class Deliverer {
  readonly #deps: DelivererDeps;
  readonly #index = new SubscriptionIndex<Served>();
  readonly #served = new Map<string, Served>();
  #isStopped = false;

  constructor(deps: DelivererDeps) {
    this.#deps = deps;
  }

  /** Starts to serve a subscription from where it left off. A disabled one only keeps its place. */
  add(record: SubscriptionRecord, resume: SubscriptionCursor, status?: DeliveryStatus): void {
    // Made while the gateway stops: the next life serves it.
    if (this.#isStopped) return;
    const served = new Served(record, resume, this.#deps, status);
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

  /** Nothing is sent to it until `enable`; it keeps its place. */
  async disable(record: SubscriptionRecord): Promise<void> {
    const served = this.#served.get(record.id);
    if (served === undefined) return;
    served.record = record;
    await served.stop(0);
  }

  /** Goes on where it was disabled. */
  async enable(record: SubscriptionRecord): Promise<void> {
    await this.#served.get(record.id)?.stop(0);
    if (this.#isStopped) return;
    // In one turn, so that at any time it is among those whose place is saved and whose events are read. It is another
    // one by now when the log was replaced.
    const served = this.#served.get(record.id);
    const { position } = this.#deps.events;
    if (served) this.#index.remove(served);
    this.add(record, served?.cursor(position) ?? [position, {}], served?.status);
  }

  /** Has the current state of everything a subscription is about sent to it. */
  sendStates(id: string, order: StateOrder): void {
    this.#served.get(id)?.sendStates(order);
  }

  /** From the tail, in order. Gives the event back, or undefined when the message was none. */
  take(message: TailMessage): LoggedEvent | undefined {
    const event = this.#deps.events.append(message);
    if (event === undefined) return undefined;
    let matches = 0;
    for (const served of this.#index.match(event.node, event.path)) {
      if (served.take(event)) matches += 1;
    }
    this.#deps.onMatched(event, matches);
    return event;
  }

  /** The log was replaced: every subscription starts at the beginning of the new one, and is told what is true now. */
  startOver(): void {
    this.#deps.events.restart(0);
    const before = Array.from(this.#served.values(), ({ record, status }) => ({ record, status }));
    for (const { record, status } of before) {
      void this.remove(record.id);
      this.add(record, [0, {}, true], status);
    }
  }

  /** The log has lost events before the tail had read them: anybody's. */
  lost(firstSeq: number): void {
    this.#deps.events.passOver(firstSeq - 1);
    for (const served of this.#served.values()) served.lost();
  }

  /** Every subscription that is not settled up to `position`, the tail's. */
  *cursors(position: number): Generator<[id: string, cursor: SubscriptionCursor]> {
    for (const [id, served] of this.#served) {
      if (served.isResting) continue;
      const cursor = served.cursor(position);
      if (cursor !== undefined) yield [id, cursor];
    }
  }

  /** What the subscriptions are up to, for the gauges. */
  *all(): Generator<Served> {
    yield* this.#served.values();
  }

  /**
   * Subscriptions that are behind: detached, or with an event that has waited for 10 s; and the age of the oldest event
   * that waits (0: none does). A disabled one waits for nobody.
   */
  backlog(): { behind: number; oldestUndeliveredSeconds: number } {
    const nowMs = this.#deps.clock.now();
    let behind = 0;
    let longestMs = 0;
    for (const served of this.#served.values()) {
      if (served.record.disabledAt !== undefined) continue;
      const waitedMs = nowMs - (served.oldestStoredAtMs ?? nowMs);
      if (!served.isAttached || waitedMs >= BEHIND_AFTER_MS) behind += 1;
      longestMs = Math.max(longestMs, waitedMs);
    }
    return { behind, oldestUndeliveredSeconds: longestMs / 1_000 };
  }

  /**
   * How a subscription does; undefined when it is not served.
   * @param isExact counts what waits in memory beyond its lanes, too: not for many at a time
   */
  doing(id: string, isExact: boolean): Doing | undefined {
    const served = this.#served.get(id);
    if (served === undefined) return undefined;
    const { status } = served;
    const backlog = served.backlog(isExact ? this.#deps.events : undefined);
    const { oldestStoredAtMs } = backlog;
    const waitedMs =
      oldestStoredAtMs === undefined ? undefined : Math.max(0, this.#deps.clock.now() - oldestStoredAtMs);
    const isBehind = !served.isAttached || (waitedMs ?? 0) >= BEHIND_AFTER_MS;
    return { state: stateOf(served, isBehind), status, backlog, waitedMs };
  }

  /** How many subscriptions are in each state. */
  states(): Record<DeliveryState, number> {
    const counts = { delivering: 0, retrying: 0, behind: 0, disabled: 0 };
    const nowMs = this.#deps.clock.now();
    for (const served of this.#served.values()) {
      const isBehind = !served.isAttached || nowMs - (served.oldestStoredAtMs ?? nowMs) >= BEHIND_AFTER_MS;
      counts[stateOf(served, isBehind)] += 1;
    }
    return counts;
  }

  /** No new attempts; running ones have `graceMs` to end. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopped = true;
    await Promise.all([...this.#served.values()].map((served) => served.stop(graceMs)));
  }
}
