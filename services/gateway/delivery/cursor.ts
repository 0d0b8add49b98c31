import type { Cursor, SubscriptionCursor } from '../../shared/messages.js';
import { isEventSubject } from '../../shared/subjects.js';

export type { Cursor, SubscriptionCursor };

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
  served: { hi: number; open: readonly (readonly [subject: string, firstUnsettled: number])[]; areStatesDue: boolean },
): SubscriptionCursor | undefined {
  const { hi, open, areStatesDue } = served;
  if (open.length === 0 && hi === tail && !areStatesDue) return undefined;
  const owed: [true] | [] = areStatesDue ? [true] : [];
  if (open.length > MAX_OPEN_LANES) return [Math.min(...open.map(([, first]) => first)) - 1, {}, ...owed];
  return [hi, Object.fromEntries(open), ...owed];
}

/** A value may have 1 MB on a broker with default settings; half of that leaves room for long names. */
const LARGEST_BYTES = 512 * 1024;

/**
 * Tail and entries so that they fit one value, whatever has happened. Entries with many open lanes are brought down to
 * their oldest event, the largest first; when that is not enough, all subscriptions are to go on where the one that is
 * furthest behind is, and are owed states when one of them is. A restart then repeats events; it never loses any.
 * `coarse` says how many entries lost something.
 */
export function fitted(
  tail: number,
  entries: Iterable<readonly [id: string, cursor: SubscriptionCursor]>,
  largest = LARGEST_BYTES,
): Pick<Cursor, 'tail' | 'subs' | 'owed'> & { coarse: number } {
  const sized = Array.from(entries, ([id, cursor]) => ({ id, cursor, bytes: sizeOf(id, cursor) }));
  let total = sized.reduce((sum, { bytes }) => sum + bytes, 0);
  let coarse = 0;
  if (total > largest) sized.sort((a, b) => b.bytes - a.bytes);
  for (const one of sized) {
    if (total <= largest) break;
    one.cursor = coarser(one.cursor);
    total -= one.bytes - sizeOf(one.id, one.cursor);
    coarse += 1;
  }
  if (total > largest) {
    const lowest = sized.reduce((low, { cursor: [hi] }) => Math.min(low, hi), tail);
    const isOwed = sized.some(({ cursor: [, , areStatesDue] }) => areStatesDue);
    return { tail: lowest, subs: {}, ...(isOwed && { owed: true }), coarse };
  }
  return { tail, subs: Object.fromEntries(sized.map(({ id, cursor }) => [id, cursor])), coarse };
}

/** Without its lanes an entry begins at its oldest event. */
function coarser([hi, open, areStatesDue]: SubscriptionCursor): SubscriptionCursor {
  const oldest = Object.values(open).reduce((low, first) => Math.min(low, first - 1), hi);
  return areStatesDue ? [oldest, {}, true] : [oldest, {}];
}

/** Up to where all of them are served. */
export const servedUpTo = ({ tail, subs }: Pick<Cursor, 'tail' | 'subs'>): number =>
  Object.values(subs).reduce(
    (low, [hi, open]) => Object.values(open).reduce((lowest, first) => Math.min(lowest, first - 1), Math.min(low, hi)),
    tail,
  );

/** About what it takes in JSON. */
const sizeOf = (id: string, [, open]: SubscriptionCursor): number =>
  Object.keys(open).reduce((sum, subject) => sum + subject.length + 14, id.length + 24);

/** Where a log begins and ends. */
export interface LogEnds {
  created: string;
  firstSeq: number;
  lastSeq: number;
}

/** A cursor means something only inside its log: all it says was read there. One of another log is dealt with by `resumeAt`. */
export function isInside({ stream, tail, subs, past = [] }: Cursor, { created, lastSeq }: LogEnds): boolean {
  if (stream !== created) return true;
  return (
    tail <= lastSeq &&
    past.every(([, upTo]) => upTo <= tail) &&
    Object.values(subs).every(
      ([hi, open]) =>
        hi <= lastSeq && Object.entries(open).every(([subject, first]) => first <= lastSeq && isEventSubject(subject)),
    )
  );
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
  const [hi, open, areStatesDue = false] = cursor.subs[record.id] ?? [cursor.tail, {}, cursor.owed];
  // An entry that is not beyond the start is one of an earlier subscription with the same id.
  return start >= hi ? [start, {}, areStatesDue] : [hi, open, areStatesDue];
}
