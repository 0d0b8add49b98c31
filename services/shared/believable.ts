const DAY_MS = 24 * 3_600_000;

/** How far beyond now something may be and still be believed: clocks of nodes may be wrong, by days rather than years. */
export const BELIEVED_AHEAD_MS = 7 * DAY_MS;

/** Digits of a number that a double holds exactly. */
const DECIMAL = /^\d{1,16}$/;

/**
 * Whether a `sequence` can be a collector's. It begins with the time in ms, where nothing is remembered, and rises by
 * one with each event, so one far beyond now is nobody's: believed, it would leave the real ones behind for ever.
 * @param text decimal, as it stands in the event
 * @param now wall clock, ms since 1970
 */
export const isBelievableSequence = (text: string, now: number): boolean =>
  DECIMAL.test(text) && Number(text) <= now + BELIEVED_AHEAD_MS;
