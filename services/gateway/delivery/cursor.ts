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
  /**
   * Subscription id → settled up to `hi`, but for the open lanes: subject → first sequence that may be unsettled; and
   * true when current states are still owed.
   */
  subs: Record<string, SubscriptionCursor>;
}

export type SubscriptionCursor = [hi: number, open: Record<string, number>, owesStates?: boolean];

/**
 * Open lanes that are named for one subscription; with more, `hi` falls back and some events are repeated after a
 * restart. A subscription holds so many events at most that only a storm comes near.
 */
export const MAX_OPEN_LANES = 1_024;

/**
 * One subscription's entry, or undefined when everything up to `tail` is settled and nothing more.
 * @param served `hi`: what is beyond has not been taken yet, or was settled in an earlier life; `open`: the lanes with
 * unsettled events
 */
export function subscriptionCursor(
  tail: number,
  served: { hi: number; open: readonly (readonly [subject: string, firstUnsettled: number])[]; owesStates: boolean },
): SubscriptionCursor | undefined {
  const { hi, open, owesStates } = served;
  if (open.length === 0 && hi === tail && !owesStates) return undefined;
  const owed: [true] | [] = owesStates ? [true] : [];
  if (open.length > MAX_OPEN_LANES) return [Math.min(...open.map(([, first]) => first)) - 1, {}, ...owed];
  return [hi, Object.fromEntries(open), ...owed];
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
  const [hi, open, owesStates = false] = cursor.subs[record.id] ?? [cursor.tail, {}];
  // An entry that is not beyond the start is one of an earlier subscription with the same id.
  return start >= hi ? [start, {}, owesStates] : [hi, open, owesStates];
}
