/**
 * How far a scope's subscriptions have been served. "The highest sequence up to which everything is settled" alone
 * would repeat hours of events when one consumer is down, so the lanes that are behind are named one by one.
 */
export interface Cursor {
  /** Of the process that wrote it. */
  epoch: string;
  /** Counts the values of one epoch. */
  n: number;
  /** `created` of the stream that the positions belong to. */
  stream: string;
  /** A subscription that `subs` does not name is settled up to here. */
  tail: number;
  /** Subscription id → settled up to `hi`, but for the open lanes: subject → first sequence that may be unsettled. */
  subs: Record<string, SubscriptionCursor>;
}

export type SubscriptionCursor = [hi: number, open: Record<string, number>];

/** Open lanes that are named for one subscription; with more, `hi` falls back and some events are repeated. */
export const MAX_OPEN_LANES = 64;

/**
 * One subscription's entry, or undefined when everything up to `tail` is settled and nothing more.
 * @param hi everything up to here was settled when it was resumed; beyond `tail` while the tail reads older events again
 */
export function subscriptionCursor(
  tail: number,
  hi: number,
  open: readonly (readonly [subject: string, firstUnsettled: number])[],
): SubscriptionCursor | undefined {
  if (open.length === 0 && hi <= tail) return undefined;
  if (open.length > MAX_OPEN_LANES) return [Math.min(...open.map(([, first]) => first)) - 1, {}];
  return [Math.max(tail, hi), Object.fromEntries(open)];
}

/**
 * Where a subscription goes on. One made after the cursor was written starts at its record's own position; positions
 * of another stream mean nothing, so there it starts at the beginning: rather too much than too little.
 * @param stream `created` of the stream as it is now
 */
export function resumeAt(
  cursor: Cursor | undefined,
  record: { id: string; start: number; stream: string },
  stream: string,
): SubscriptionCursor {
  const start = record.stream === stream ? record.start : 0;
  if (cursor?.stream !== stream) return [start, {}];
  const [hi, open] = cursor.subs[record.id] ?? [cursor.tail, {}];
  return start > hi ? [start, {}] : [hi, open];
}
