import { isDeepStrictEqual } from 'node:util';
import type { SubscriptionRecord } from './record.js';

/** What was stored by somebody else since we looked last. */
export interface Differences {
  added: SubscriptionRecord[];
  /** The same subscription with other settings, or disabled or enabled. */
  changed: SubscriptionRecord[];
  /** Deleted, and made again: another subscription with the same id. */
  replaced: SubscriptionRecord[];
  removed: SubscriptionRecord[];
}

/**
 * How what is stored differs from what we know.
 * @param isOurs ids that we have been changing while the list was read: it may hold what was before or after
 */
export function differences(
  known: ReadonlyMap<string, SubscriptionRecord>,
  stored: readonly SubscriptionRecord[],
  isOurs: (id: string) => boolean,
): Differences {
  const found: Differences = { added: [], changed: [], replaced: [], removed: [] };
  const left = new Map(known);
  for (const record of stored) {
    const mine = left.get(record.id);
    left.delete(record.id);
    if (isOurs(record.id)) continue;
    if (mine === undefined) found.added.push(record);
    else if (!isSame(mine, record)) found.replaced.push(record);
    else if (!isDeepStrictEqual(mine, record)) found.changed.push(record);
  }
  found.removed.push(...[...left.values()].filter(({ id }) => !isOurs(id)));
  return found;
}

const isSame = (a: SubscriptionRecord, b: SubscriptionRecord): boolean =>
  a.incarnation === b.incarnation && isDeepStrictEqual(a.filter, b.filter);
