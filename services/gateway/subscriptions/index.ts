import type { SubscriptionRecord } from './record.js';
import { filterKey, matchingKeys } from './resource.js';

/** Finds the subscriptions that an event matches by a few look-ups, however many there are. */
export class SubscriptionIndex<T extends { record: SubscriptionRecord }> {
  /** Most filters are those of one subscription: a set for each would take more than the subscription itself. */
  readonly #byFilter = new Map<string, T | Set<T>>();

  add(subscription: T): void {
    const key = filterKey(subscription.record.filter);
    const same = this.#byFilter.get(key);
    if (same instanceof Set) same.add(subscription);
    else this.#byFilter.set(key, same === undefined ? subscription : new Set([same, subscription]));
  }

  remove(subscription: T): void {
    const key = filterKey(subscription.record.filter);
    const same = this.#byFilter.get(key);
    if (same instanceof Set) same.delete(subscription);
    if (same === subscription || (same instanceof Set && same.size === 0)) this.#byFilter.delete(key);
  }

  /** Every subscription that an event of this node and resource path matches, each once. */
  *match(node: string, path: string): Generator<T> {
    for (const key of matchingKeys(node, path)) {
      const same = this.#byFilter.get(key);
      if (same instanceof Set) yield* same;
      else if (same !== undefined) yield same;
    }
  }
}
