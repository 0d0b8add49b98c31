import type { SubscriptionRecord } from './record.js';
import { filterKey, matchingKeys } from './resource.js';

/** Finds the subscriptions that an event matches by a few look-ups, however many there are. */
export class SubscriptionIndex<T extends { record: SubscriptionRecord }> {
  readonly #byFilter = new Map<string, Set<T>>();

  add(subscription: T): void {
    const key = filterKey(subscription.record.filter);
    const same = this.#byFilter.get(key);
    if (same) same.add(subscription);
    else this.#byFilter.set(key, new Set([subscription]));
  }

  remove(subscription: T): void {
    const key = filterKey(subscription.record.filter);
    const same = this.#byFilter.get(key);
    same?.delete(subscription);
    if (same?.size === 0) this.#byFilter.delete(key);
  }

  /** Every subscription that an event of this node and resource path matches, each once. */
  *match(node: string, path: string): Generator<T> {
    for (const key of matchingKeys(node, path)) {
      const same = this.#byFilter.get(key);
      if (same) yield* same;
    }
  }
}
