import { TooMany } from '../access/limits.js';

export interface QuotaLimits {
  /** MAX_SUBSCRIPTIONS */
  total: number;
  /** MAX_SUBSCRIPTIONS_PER_CALLER */
  perCaller: number;
}

/** Room comes from deleting; nothing is gained by asking more often. */
const RETRY_S = 60;

/** How many subscriptions there may be, of one owner and of all. */
export class Quota {
  readonly #limits: QuotaLimits;
  readonly #byOwner = new Map<string, number>();
  #all = 0;

  /** @param owners of the subscriptions there are; they may be more than now would be allowed */
  constructor(limits: QuotaLimits, owners: Iterable<string>) {
    this.#limits = limits;
    for (const owner of owners) this.#change(owner, 1);
  }

  /** Throws TooMany when there is no room for one more. */
  check(owner: string): void {
    const { total, perCaller } = this.#limits;
    if ((this.#byOwner.get(owner) ?? 0) >= perCaller) {
      throw new TooMany(`a caller may have ${perCaller} subscriptions (MAX_SUBSCRIPTIONS_PER_CALLER)`, RETRY_S);
    }
    if (this.#all >= total) throw new TooMany(`there may be ${total} subscriptions (MAX_SUBSCRIPTIONS)`, RETRY_S);
  }

  /** Counts one more. Throws TooMany. */
  take(owner: string): void {
    this.check(owner);
    this.#change(owner, 1);
  }

  /** Counts one more that is there already, however many that makes. */
  add(owner: string): void {
    this.#change(owner, 1);
  }

  /** One is gone. */
  giveBack(owner: string): void {
    this.#change(owner, -1);
  }

  #change(owner: string, by: number): void {
    this.#all += by;
    const count = (this.#byOwner.get(owner) ?? 0) + by;
    if (count > 0) this.#byOwner.set(owner, count);
    else this.#byOwner.delete(owner);
  }
}
