import type { SubscriptionRecord } from './subscriptions/record.js';

/** What the subscriptions of one origin have waiting. */
export interface OriginLoad {
  /** `https://host:port` of the endpoints; `other` for all that are not among the busiest. */
  origin: string;
  openLanes: number;
  /** Events in memory. */
  held: number;
}

/** The busiest origins, those that hold most events first, and the sum of the rest, which is there even when it is 0. */
export function loadByOrigin(
  all: Iterable<{ record: Pick<SubscriptionRecord, 'endpointUri'>; openLanes: number; held: number }>,
  busiest: number,
): OriginLoad[] {
  const loads = new Map<string, OriginLoad>();
  for (const { record, openLanes, held } of all) {
    // Thousands are at rest.
    if (openLanes === 0) continue;
    const { origin } = new URL(record.endpointUri);
    loads.set(origin, add(loads.get(origin) ?? { origin, openLanes: 0, held: 0 }, { openLanes, held }));
  }
  const sorted = [...loads.values()].toSorted((a, b) => b.held - a.held || b.openLanes - a.openLanes);
  return [...sorted.slice(0, busiest), sorted.slice(busiest).reduce(add, { origin: 'other', openLanes: 0, held: 0 })];
}

const add = (load: OriginLoad, more: Omit<OriginLoad, 'origin'>): OriginLoad => ({
  origin: load.origin,
  openLanes: load.openLanes + more.openLanes,
  held: load.held + more.held,
});
