/** What became of one attempt. */
export type AttemptResult =
  | { kind: 'accepted' }
  /** The consumer will never take this event. */
  | { kind: 'refused'; reason: string }
  /** Nobody is there any more: 410. */
  | { kind: 'gone' }
  | { kind: 'failed'; reason: string; afterMs?: number }
  /** It failed, and a newer event supersedes it. */
  | { kind: 'expired'; reason: string }
  /** Ended by us: it says nothing about the endpoint. */
  | { kind: 'cancelled' };

export const ACCEPTED: AttemptResult = { kind: 'accepted' };
export const CANCELLED: AttemptResult = { kind: 'cancelled' };

/** Answers after which the same request would be answered the same. */
const REFUSALS = new Set([400, 413, 414, 415, 422]);

const LONGEST_RETRY_AFTER_MS = 15 * 60_000;

/** What an answer means for the event. */
export function resultOf(statusCode: number, retryAfter: string | string[] | undefined, now: number): AttemptResult {
  if (statusCode >= 200 && statusCode < 300) return ACCEPTED;
  if (statusCode === 410) return { kind: 'gone' };
  if (REFUSALS.has(statusCode)) return { kind: 'refused', reason: `answered ${statusCode}` };
  const afterMs = retryAfterMs(retryAfter, now);
  return { kind: 'failed', reason: `answered ${statusCode}`, ...(afterMs !== undefined && { afterMs }) };
}

/** RFC 9110 §10.2.3: seconds or a date; at most a quarter of an hour is believed. */
export function retryAfterMs(header: string | string[] | undefined, now: number): number | undefined {
  if (typeof header !== 'string') return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), LONGEST_RETRY_AFTER_MS);
}
