import type { Subscriber } from './delivery/subscriber.js';

/** What goes wrong at one origin. */
export interface OriginTrouble {
  /** `https://host:port` of the endpoints; `other` for all that are not among the worst. */
  origin: string;
  /** Subscriptions with an event that has failed and is tried again. */
  retrying: number;
  /** For how long none of its deliveries has succeeded, the longest of them; 0: none fails. */
  failingSeconds: number;
  /** Age of the oldest event that waits. */
  oldestSeconds: number;
}

type One = Pick<Subscriber, 'record' | 'isRetrying' | 'oldestStoredAtMs' | 'status'>;

/** The origins where something fails, those with most failing subscriptions first, and the sum of the rest. */
export function troubleByOrigin(all: Iterable<One>, nowMs: number, worst: number): OriginTrouble[] {
  const troubles = new Map<string, OriginTrouble>();
  for (const { record, isRetrying, oldestStoredAtMs, status } of all) {
    // Thousands are at rest.
    if (!isRetrying || record.disabledAt !== undefined) continue;
    const { origin } = new URL(record.endpointUri);
    const sinceMs = status.isFailing ? status.lastError?.sinceMs : undefined;
    troubles.set(
      origin,
      worse(troubles.get(origin) ?? nothing(origin), {
        retrying: 1,
        failingSeconds: Math.max(0, nowMs - (sinceMs ?? nowMs)) / 1_000,
        oldestSeconds: Math.max(0, nowMs - (oldestStoredAtMs ?? nowMs)) / 1_000,
      }),
    );
  }
  const sorted = [...troubles.values()].toSorted((a, b) => b.retrying - a.retrying);
  return [...sorted.slice(0, worst), sorted.slice(worst).reduce(worse, nothing('other'))];
}

const nothing = (origin: string): OriginTrouble => ({ origin, retrying: 0, failingSeconds: 0, oldestSeconds: 0 });

const worse = (one: OriginTrouble, more: Omit<OriginTrouble, 'origin'>): OriginTrouble => ({
  origin: one.origin,
  retrying: one.retrying + more.retrying,
  failingSeconds: Math.max(one.failingSeconds, more.failingSeconds),
  oldestSeconds: Math.max(one.oldestSeconds, more.oldestSeconds),
});
