import type { DeliveryReceipt, LatencyRecord, TailReceipt } from '../../shared/messages.js';
import { traceIdOf } from '../../shared/tracing.js';
import { Agenda } from './agenda.js';
import { crossingOf, figuresOf, micro, type Departure } from './hops.js';
import type { ReceivedReceipt, Topic } from './received.js';
import { Debt, isAlive, Scope } from './scope.js';

/** So long after the ack every delivery should be confirmed. */
export const CONFIRMED_WITHIN_MS = 30_000;
/** An ack may come so much later than the receipt of the gateway's tail. */
const ACK_LATE_MS = 5_000;
/** So long after it was read an event is known. */
export const KNOWN_MS = 300_000;
const MAX_SCOPES = 256;
/** Scopes that read one event, on average. */
const SCOPES_PER_EVENT = 4;
/** Receipts that overtake the ack of their event, per event. */
const MAX_EARLY = 1_000;
/** Stands for whichever scope reads it. */
const ANY_SCOPE = '';

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

/** A receipt of a delivery and when it came. */
interface Early {
  receipt: ReceivedReceipt & { delivery: DeliveryReceipt };
  cameMs: number;
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
  readonly counts: LoopCounts = {
    unknown_event: 0,
    duplicate: 0,
    event_forgotten: 0,
    subscription_forgotten: 0,
    scope_forgotten: 0,
  };
  readonly #node: string;
  readonly #limits: LoopLimits;
  /** By event id, oldest departure first; of several events by a key that is no id. */
  readonly #open = new Map<string, Open>();
  readonly #scopes = new Map<string, Scope>();
  readonly #toConfirm = new Agenda<Open>();
  readonly #toForget = new Agenda<Open>();
  #reportedAtMs = -Infinity;
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

  /** A gateway lives. Whether it serves this node is known from its receipts only. */
  gatewayReported(scope: string, atMs: number): void {
    this.#reportedAtMs = atMs;
    this.#scopes.get(scope)?.reported(atMs);
  }

  received(receipt: ReceivedReceipt, cameMs: number): Finding[] {
    const scope = this.#scope(receipt.scope, cameMs);
    scope?.heard(cameMs);
    const open = this.#open.get(receipt.event);
    if (receipt.tail) return scope ? this.#readByTail(receipt, receipt.tail, { scope, open, cameMs }) : [];
    const { delivery } = receipt;
    const early = { receipt: { ...receipt, delivery }, cameMs };
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
    { scope, open, cameMs }: { scope: Scope; open: Open | undefined; cameMs: number },
  ): Finding[] {
    scope.read(receipt.topic.traffic, cameMs);
    const { departure } = open ?? {};
    if (open && departure) {
      const debt = this.#debtOf(open, receipt.scope);
      if (debt === undefined) return [];
      debt.matches = tail.matches;
      // A gateway that was started anew reads it again; the way is that to the gateway which delivers it.
      if (debt.crossing?.gateway !== receipt.gateway) {
        debt.crossing = crossingOf(departure, tail, { gateway: receipt.gateway, cameMs });
      }
    } else this.counts.unknown_event += 1;
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
    const { receipt, cameMs } = early;
    const { departure, storedMs } = open;
    const scope = this.#scope(receipt.scope, cameMs);
    const debt = scope && this.#debtOf(open, receipt.scope);
    if (departure === undefined || scope === undefined || debt === undefined) return this.#countOnly(early, scope);
    const { subscription, outcome, weight } = receipt.delivery;
    const delivery = { departure, receipt: receipt.delivery, cameMs };
    const about = this.#about(open.topic, departure.id, departure.traceparent);
    const findings: Finding[] = [];
    const isRepeat = debt.subscriptions.has(subscription);
    if (isRepeat) {
      this.counts.duplicate += 1;
      findings.push({ record: { ...about, outcome: 'duplicate', weight: 1, ...NO_FIGURES } });
    } else {
      this.#remember(debt, subscription);
      scope.confirm(debt, cameMs);
    }
    const named = isRepeat ? weight - 1 : weight;
    if (weight > 1) scope.supply(weight - 1, cameMs);
    if (named === 0) return findings;
    if (!isDelivered(receipt.delivery)) {
      findings.push({ record: { ...about, outcome, weight: named, ...NO_FIGURES }, delivery });
      return findings;
    }
    const crossing = debt.crossing?.gateway === receipt.gateway ? debt.crossing : undefined;
    const publishMs = storedMs === undefined ? undefined : storedMs - departure.sentMs;
    const loopMs = micro(cameMs - departure.readMs);
    const figures = figuresOf(receipt.delivery, departure, publishMs, crossing);
    findings.push({ record: { ...about, outcome, weight: named, loopMs, ...figures }, delivery });
    return findings;
  }

  /** A delivery of an event that is not known, or that there is no room to remember more of. */
  #countOnly({ receipt: { event, topic, delivery }, cameMs }: Early, scope: Scope | undefined): Finding[] {
    this.counts.unknown_event += 1;
    const { outcome, weight } = delivery;
    if (weight > 1) scope?.supply(weight - 1, cameMs);
    const { stages, hops } = isDelivered(delivery) ? figuresOf(delivery, undefined, undefined, undefined) : NO_FIGURES;
    return [{ record: { ...this.#about(topic, event), outcome, weight, stages, hops } }];
  }

  /** All confirmations should be there. */
  #demand(open: Open, atMs: number): Finding[] {
    let missing = 0;
    for (const [name, debt] of open.debts) {
      const scope = this.#scope(name, atMs);
      if (scope === undefined) continue;
      if (debt.matches === undefined && scope.tails.take(1, atMs) === 1) {
        debt.isPooled = true;
        scope.supply(debt.confirmed, atMs);
      }
      missing += scope.collect(debt, atMs);
    }
    if (open.departure !== undefined) {
      open.unread = this.#unread(open, atMs);
      missing += open.unread.length;
    }
    return missing === 0 ? [] : [{ record: this.#missingRecord(open, 'unconfirmed', missing) }];
  }

  /** Scopes that should have read it and have not. Which ones is known from what they have read before. */
  #unread({ topic: { traffic }, debts }: Open, atMs: number): string[] {
    const silent = [...this.#scopes].filter(([name]) => !debts.has(name));
    const readers = silent.filter(([, scope]) => scope.reads(traffic, atMs));
    if (readers.length > 0 || debts.size > 0) {
      return readers.filter(([, scope]) => scope.tails.take(1, atMs) === 0).map(([name]) => name);
    }
    return isAlive(this.#reportedAtMs, atMs) ? [ANY_SCOPE] : [];
  }

  /** Nothing is waited for any more. */
  #giveUp(open: Open): Finding[] {
    let missing = 0;
    for (const { missing: left } of open.debts.values()) missing += left;
    missing += open.unread.filter((name) =>
      name === ANY_SCOPE ? open.debts.size === 0 : !open.debts.has(name),
    ).length;
    const findings = this.#forget(open);
    return missing === 0 ? findings : [...findings, { record: this.#missingRecord(open, 'never_closed', missing) }];
  }

  #missingRecord({ topic, departure }: Open, outcome: 'unconfirmed' | 'never_closed', missing: number): LatencyRecord {
    return { ...this.#about(topic, departure?.id, departure?.traceparent), outcome, weight: missing, ...NO_FIGURES };
  }

  #about(
    { resource, traffic }: Topic,
    event: string | undefined,
    traceparent?: string,
  ): Pick<LatencyRecord, 'node' | 'resource' | 'traffic' | 'event' | 'traceId'> {
    return {
      node: this.#node,
      resource,
      traffic,
      ...(event !== undefined && { event }),
      ...(traceparent !== undefined && { traceId: traceIdOf(traceparent) }),
    };
  }

  #scope(name: string, atMs: number): Scope | undefined {
    const known = this.#scopes.get(name);
    if (known) return known;
    if (this.#scopes.size >= MAX_SCOPES) {
      for (const [other, scope] of this.#scopes) if (scope.isForgotten(atMs)) this.#scopes.delete(other);
    }
    if (this.#scopes.size >= MAX_SCOPES) {
      this.counts.scope_forgotten += 1;
      return undefined;
    }
    const scope = new Scope(atMs);
    this.#scopes.set(name, scope);
    return scope;
  }

  #debtOf({ debts }: Open, scope: string): Debt | undefined {
    const known = debts.get(scope);
    if (known) return known;
    if (this.#debts >= SCOPES_PER_EVENT * this.#limits.events) {
      this.counts.scope_forgotten += 1;
      return undefined;
    }
    const debt = new Debt();
    debts.set(scope, debt);
    this.#debts += 1;
    return debt;
  }

  #remember({ subscriptions }: Debt, subscription: string): void {
    if (this.#remembered >= this.#limits.subscriptions) {
      this.counts.subscription_forgotten += 1;
      return;
    }
    subscriptions.add(subscription);
    this.#remembered += 1;
  }

  #add(open: Open): Finding[] {
    this.#open.set(open.key, open);
    const [oldest] = this.#open.values();
    if (this.#open.size <= this.#limits.events || oldest === undefined) return [];
    this.counts.event_forgotten += 1;
    return this.#forget(oldest);
  }

  #forget(open: Open): Finding[] {
    const findings = this.#takeEarly(open);
    this.#open.delete(open.key);
    this.#toConfirm.remove(open);
    this.#toForget.remove(open);
    this.#debts -= open.debts.size;
    for (const [name, debt] of open.debts) {
      this.#scopes.get(name)?.writeOff(debt);
      this.#remembered -= debt.subscriptions.size;
    }
    return findings;
  }
}

const NO_FIGURES = { stages: {}, hops: [] };

const newOpen = (key: string, topic: Topic, departure: Departure | undefined): Open => ({
  key,
  topic,
  departure,
  storedMs: undefined,
  early: [],
  debts: new Map(),
  unread: [],
});

const isDelivered = ({ outcome }: DeliveryReceipt): boolean => outcome === 'delivered' || outcome === 'retried';
