import type { Crossing } from './hops.js';
import { Pool } from './pool.js';

/** A gateway that was not heard for so long is gone; it reports every 5 s. */
const ALIVE_MS = 15_000;
export const isAlive = (reportedAtMs: number, atMs: number): boolean => atMs - reportedAtMs <= ALIVE_MS;
/** A scope that read an event of this node so long ago reads the node's events. */
const READS_MS = 5 * 60_000;

/** What one scope owes for an event, or for several that share a tail receipt, and what it has confirmed. */
export class Debt {
  /** Subscriptions that match; undefined while no tail receipt has come. */
  matches: number | undefined = undefined;
  /** Its tail receipt stood for others too, and was about another event: its confirmations are those of a pool. */
  isPooled = false;
  confirmed = 0;
  /** Confirmations that came without a name, taken from the pool. */
  supplied = 0;
  /** Those that have confirmed, as far as there was room to remember them. */
  readonly subscriptions = new Set<string>();
  crossing: Crossing | undefined = undefined;

  get missing(): number {
    return this.isPooled ? 0 : Math.max(0, (this.matches ?? 0) - this.confirmed - this.supplied);
  }
}

/**
 * The gateways that share subscriptions. Their receipts are sampled when there are many: one stands for several, so what
 * is missing can be told from totals only. Confirmations beyond the one that is named go into a pool, which first pays
 * what is overdue and then what will be; the same with tail receipts.
 */
export class Scope {
  /** Tail receipts that came with another one. */
  readonly tails = new Pool();
  readonly #confirmations = new Pool();
  readonly #overdue = new Set<Debt>();
  readonly #readAtMs: Partial<Record<'event' | 'canary', number>> = {};
  #reportedAtMs = -Infinity;
  #heardAtMs: number;

  constructor(atMs: number) {
    this.#heardAtMs = atMs;
  }

  heard(atMs: number): void {
    this.#heardAtMs = atMs;
  }

  reported(atMs: number): void {
    this.#heardAtMs = atMs;
    this.#reportedAtMs = atMs;
  }

  read(traffic: 'event' | 'canary', atMs: number): void {
    this.#readAtMs[traffic] = atMs;
  }

  /** Whether it would have read such an event of this node. */
  reads(traffic: 'event' | 'canary', atMs: number): boolean {
    return isAlive(this.#reportedAtMs, atMs) && atMs - (this.#readAtMs[traffic] ?? -Infinity) <= READS_MS;
  }

  /** Nothing was heard of it for so long that nobody asks for it any more. */
  isForgotten(atMs: number): boolean {
    return atMs - this.#heardAtMs > READS_MS;
  }

  /** A delivery was confirmed by name. */
  confirm(debt: Debt, atMs: number): void {
    debt.confirmed += 1;
    const isPaidTwice = debt.supplied > 0 && debt.confirmed + debt.supplied > (debt.matches ?? Infinity);
    if (isPaidTwice) debt.supplied -= 1;
    if (debt.isPooled || isPaidTwice) this.supply(1, atMs);
    if (debt.missing === 0) this.#overdue.delete(debt);
  }

  /** So many deliveries were confirmed beside those that are named. */
  supply(count: number, atMs: number): void {
    let left = count;
    for (const debt of this.#overdue) {
      if (left === 0) return;
      const paid = Math.min(left, debt.missing);
      debt.supplied += paid;
      left -= paid;
      if (debt.missing === 0) this.#overdue.delete(debt);
    }
    if (left > 0) this.#confirmations.add(left, atMs);
  }

  /** The debt is due: what the pool has pays for it. Returns what is missing still. */
  collect(debt: Debt, atMs: number): number {
    debt.supplied += this.#confirmations.take(debt.missing, atMs);
    if (debt.missing > 0) this.#overdue.add(debt);
    return debt.missing;
  }

  /** Nobody waits for it any more. */
  writeOff(debt: Debt): void {
    this.#overdue.delete(debt);
  }
}
