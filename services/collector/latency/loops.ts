import type { DeliveryReceipt, LatencyRecord, TailReceipt } from '../../shared/messages.js';
import { Agenda } from './agenda.js';
import { crossingOf, type Departure } from './hops.js';
import type { ReceivedReceipt, Topic } from './received.js';
import { countRecord, deliveryRecord, isDelivered, unknownRecord, type About } from './record.js';
import { Debt, type Scope } from './scope.js';
import { isUnread, Scopes } from './scopes.js';

/** So long after the ack every delivery should be confirmed. */
export const CONFIRMED_WITHIN_MS = 30_000;
/** An ack may come so much later than the receipt of the gateway's tail. */
const ACK_LATE_MS = 5_000;
/** So long after it was read an event is known. */
export const KNOWN_MS = 300_000;
/** Scopes that read one event, on average. */
const SCOPES_PER_EVENT = 4;
/** Receipts that overtake the ack of their event, per event. */
const MAX_EARLY = 1_000;

/** Something to tell the metrics service. */
export interface Finding {
  record: LatencyRecord;
  /** The delivery that it is about, when it is one of a known event. */
  delivery?: { departure: Departure; receipt: DeliveryReceipt; cameMs: number };
}

/** What became of receipts and events beside their records. */
export interface LoopCounts {
  /** Receipts of events that are not known, or not any more. */
  unknown_event: number;
  duplicate: number;
  /** Forgotten for want of room, and so: events, subscriptions that confirmed one, scopes. */
  event_forgotten: number;
  subscription_forgotten: number;
  scope_forgotten: number;
}

export interface LoopLimits {
  events: number;
  subscriptions: number;
}

/** A receipt of a delivery, when it came, and when it would have come if the gateway had sent it at once. */
interface Early {
  receipt: ReceivedReceipt & { delivery: DeliveryReceipt };
  cameMs: number;
  closedMs: number;
}

/** An event whose deliveries are waited for; or several that only their number is known of. */
interface Open {
  key: string;
  topic: Topic;
  /** undefined of several. */
  departure: Departure | undefined;
  storedMs: number | undefined;
  early: Early[];
  /** By scope. */
  debts: Map<string, Debt>;
  /** Scopes that should have read it and had not when it was due. */
  unread: string[];
}

/**
 * Closes the loops: what left for the bus is kept for five minutes, receipts come back, and latency records come out. All
 * times are handed in, monotonic ms. Memory is bounded: what has no room is forgotten, oldest first, and counted.
 */
export class Loops {
  readonly #counts = { unknown_event: 0, duplicate: 0, event_forgotten: 0, subscription_forgotten: 0 };
  readonly #node: string;
  readonly #limits: LoopLimits;
  /** By event id, oldest departure first; of several events by a key that is no id. */
  readonly #open = new Map<string, Open>();
  readonly #scopes = new Scopes();
  readonly #toConfirm = new Agenda<Open>();
  readonly #toForget = new Agenda<Open>();
  /** By a number that rises. (The first of a Map is slow to find when many before it are gone.) */
  readonly #byAge = new Agenda<Open>();
  #added = 0;
  #remembered = 0;
  #debts = 0;
  #groups = 0;

  constructor(node: string, limits: LoopLimits = { events: 10_000, subscriptions: 50_000 }) {
    this.#node = node;
    this.#limits = limits;
  }

  /** Events known now, and subscriptions remembered that have confirmed one. */
  get size(): { events: number; subscriptions: number } {
    return { events: this.#open.size, subscriptions: this.#remembered };
  }

  get counts(): LoopCounts {
    return { ...this.#counts, scope_forgotten: this.#scopes.refused };
  }

  /** The first attempt to publish begins. */
  sent(departure: Departure): Finding[] {
    const { id, resource, traffic } = departure;
    return this.#add(newOpen(id, { resource, traffic }, departure));
  }

  /** The bus has it. */
  stored(id: string, atMs: number): Finding[] {
    const open = this.#open.get(id);
    if (open?.departure === undefined || open.storedMs !== undefined) return [];
    open.storedMs = atMs;
    const confirmedByMs = atMs + CONFIRMED_WITHIN_MS;
    this.#toConfirm.add(confirmedByMs, open);
    this.#toForget.add(Math.max(open.departure.readMs + KNOWN_MS, confirmedByMs), open);
    return this.#takeEarly(open);
  }

  /** It will never be on the bus. */
  dropped(id: string): Finding[] {
    const open = this.#open.get(id);
    return open === undefined ? [] : this.#forget(open);
  }

  /** A gateway lives. */
  gatewayReported(scope: string, atMs: number): void {
    this.#scopes.reported(scope, atMs);
  }

  received(receipt: ReceivedReceipt, cameMs: number): Finding[] {
    const scope = this.#scopes.heard(receipt.scope, cameMs);
    const open = this.#open.get(receipt.event);
    // Held back for longer than it can have been on its way: then nothing of it is believed.
    const isPossible = receipt.heldMs <= cameMs - (open?.departure?.sentMs ?? -Infinity);
    const closedMs = isPossible ? cameMs - receipt.heldMs : cameMs;
    if (receipt.tail) return scope ? this.#readByTail(receipt, receipt.tail, { scope, open, cameMs, closedMs }) : [];
    const { delivery } = receipt;
    const early = { receipt: { ...receipt, delivery }, cameMs, closedMs };
    if (open === undefined) return this.#countOnly(early, scope);
    // `publish` is known only then.
    if (isDelivered(delivery) && open.storedMs === undefined && open.early.length < MAX_EARLY) {
      open.early.push(early);
      return [];
    }
    return this.#confirm(open, early);
  }

  /** The earliest moment at which time alone tells something. */
  nextDeadline(): number | undefined {
    const [confirm = Infinity, forget = Infinity] = [this.#toConfirm.nextMs(), this.#toForget.nextMs()];
    const next = Math.min(confirm, forget);
    return next === Infinity ? undefined : next;
  }

  timePassed(atMs: number): Finding[] {
    const unconfirmed = this.#toConfirm.due(atMs).flatMap((open) => this.#demand(open, atMs));
    const neverClosed = this.#toForget.due(atMs).flatMap((open) => this.#giveUp(open));
    return [...unconfirmed, ...neverClosed];
  }

  #readByTail(
    receipt: ReceivedReceipt,
    tail: TailReceipt,
    { scope, open, cameMs, closedMs }: { scope: Scope; open: Open | undefined; cameMs: number; closedMs: number },
  ): Finding[] {
    scope.read(receipt.topic.traffic, cameMs);
    const { departure } = open ?? {};
    if (open && departure) {
      const debt = this.#debtOf(open, receipt.scope);
      if (debt === undefined) return [];
      debt.matches = tail.matches;
      // A gateway that was started anew reads it again; the way is that to the gateway which delivers it.
      if (debt.crossing?.gateway !== receipt.gateway) {
        debt.crossing = crossingOf(departure, tail, { gateway: receipt.gateway, closedMs });
      }
    } else this.#counts.unknown_event += 1;
    if (tail.others === 0) return [];
    scope.tails.add(tail.others, cameMs);
    if (tail.otherMatches === 0) return [];
    const group = newOpen(`group ${this.#groups++}`, receipt.topic, undefined);
    const debt = this.#debtOf(group, receipt.scope);
    if (debt === undefined) return [];
    debt.matches = tail.otherMatches;
    group.storedMs = cameMs;
    // The events that it stands for come first: what has confirmed them by name is in the pool then.
    this.#toConfirm.add(cameMs + CONFIRMED_WITHIN_MS + ACK_LATE_MS, group);
    this.#toForget.add(cameMs + KNOWN_MS, group);
    return this.#add(group);
  }

  #takeEarly(open: Open): Finding[] {
    return open.early.splice(0).flatMap((early) => this.#confirm(open, early));
  }

  /** A delivery of a known event has come to its end. */
  #confirm(open: Open, early: Early): Finding[] {
    const { receipt, cameMs, closedMs } = early;
    const { departure, storedMs } = open;
    const scope = this.#scopes.heard(receipt.scope, cameMs);
    const debt = scope && this.#debtOf(open, receipt.scope);
    if (departure === undefined || scope === undefined || debt === undefined) return this.#countOnly(early, scope);
    const { subscription, weight } = receipt.delivery;
    const about = this.#about(open);
    if (weight > 1) scope.supply(weight - 1, cameMs);
    const isRepeat = debt.subscriptions.has(subscription);
    if (isRepeat) this.#counts.duplicate += 1;
    else {
      this.#remember(debt, subscription);
      scope.confirm(debt, cameMs);
    }
    const repeats = isRepeat ? [{ record: countRecord(about, 'duplicate', 1) }] : [];
    if (isRepeat && weight === 1) return repeats;
    const crossing = debt.crossing?.gateway === receipt.gateway ? debt.crossing : undefined;
    const loop = { weight: weight - repeats.length, closedMs, departure, storedMs, crossing };
    const record = deliveryRecord(about, receipt.delivery, loop);
    return [...repeats, { record, delivery: { departure, receipt: receipt.delivery, cameMs } }];
  }

  /** A delivery of an event that is not known, or that there is no room to remember more of. */
  #countOnly({ receipt: { event, topic, delivery }, cameMs }: Early, scope: Scope | undefined): Finding[] {
    this.#counts.unknown_event += 1;
    if (delivery.weight > 1) scope?.supply(delivery.weight - 1, cameMs);
    const about = { node: this.#node, topic, event, traceparent: undefined };
    return [{ record: unknownRecord(about, delivery) }];
  }

  /** All confirmations should be there. */
  #demand(open: Open, atMs: number): Finding[] {
    let missing = 0;
    for (const [name, debt] of open.debts) {
      const scope = this.#scopes.get(name);
      if (scope === undefined) continue;
      if (debt.matches === undefined && scope.tails.take(1, atMs) === 1) {
        debt.isPooled = true;
        scope.supply(debt.confirmed, atMs);
      }
      missing += scope.collect(debt, atMs);
    }
    if (open.departure !== undefined) {
      open.unread = this.#scopes.unread(open.topic, open.debts, atMs);
      missing += open.unread.length;
    }
    return missing === 0 ? [] : [{ record: countRecord(this.#about(open), 'unconfirmed', missing) }];
  }

  /** Nothing is waited for any more. */
  #giveUp(open: Open): Finding[] {
    let missing = 0;
    for (const { missing: left } of open.debts.values()) missing += left;
    missing += open.unread.filter((name) => isUnread(name, open.debts)).length;
    const findings = this.#forget(open);
    if (missing === 0) return findings;
    return [...findings, { record: countRecord(this.#about(open), 'never_closed', missing) }];
  }

  #about({ topic, departure }: Open): About {
    return { node: this.#node, topic, event: departure?.id, traceparent: departure?.traceparent };
  }

  #debtOf({ debts }: Open, scope: string): Debt | undefined {
    const known = debts.get(scope);
    if (known) return known;
    if (this.#debts >= SCOPES_PER_EVENT * this.#limits.events) {
      this.#scopes.refused += 1;
      return undefined;
    }
    const debt = new Debt();
    debts.set(scope, debt);
    this.#debts += 1;
    return debt;
  }

  #remember({ subscriptions }: Debt, subscription: string): void {
    if (this.#remembered >= this.#limits.subscriptions) {
      this.#counts.subscription_forgotten += 1;
      return;
    }
    subscriptions.add(subscription);
    this.#remembered += 1;
  }

  #add(open: Open): Finding[] {
    this.#open.set(open.key, open);
    this.#byAge.add(this.#added++, open);
    const oldest = this.#byAge.next();
    if (this.#open.size <= this.#limits.events || oldest === undefined) return [];
    this.#counts.event_forgotten += 1;
    return this.#forget(oldest);
  }

  #forget(open: Open): Finding[] {
    const findings = this.#takeEarly(open);
    this.#open.delete(open.key);
    this.#toConfirm.remove(open);
    this.#toForget.remove(open);
    this.#byAge.remove(open);
    this.#debts -= open.debts.size;
    for (const [name, debt] of open.debts) {
      this.#scopes.get(name)?.writeOff(debt);
      this.#remembered -= debt.subscriptions.size;
    }
    return findings;
  }
}

const newOpen = (key: string, topic: Topic, departure: Departure | undefined): Open => ({
  key,
  topic,
  departure,
  storedMs: undefined,
  early: [],
  debts: new Map(),
  unread: [],
});
