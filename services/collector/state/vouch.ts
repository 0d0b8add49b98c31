import type { Instant } from './clock.js';
import type { ClockView } from './view.js';

/** Processes that write a line at least every few seconds while they are well; for the others silence says nothing. */
const TALKATIVE = new Set(['ptp4l', 'phc2sys', 'ts2phc', 'GM', 'T-BC']);

/**
 * A clock that is LOCKED, or in a HOLDOVER which no time ends (decision o), and has been silent for too long: its line
 * would have come if it still were.
 */
export const isStale = (
  { word, process, holdoverEndsMs, lastLine }: ClockView,
  at: Instant,
  staleAfterMs: number,
): boolean =>
  (word === 'LOCKED' || (word === 'HOLDOVER' && holdoverEndsMs === undefined)) &&
  TALKATIVE.has(process) &&
  lastLine !== undefined &&
  at.monotonic - lastLine.monotonic >= staleAfterMs;

/** Why the state of these clocks is not vouched for, as a sentence; undefined when it is. */
export function doubtAbout(clocks: readonly ClockView[], at: Instant, staleAfterMs: number): string | undefined {
  const silent = clocks.find(({ lastLine }) => lastLine === undefined);
  if (silent) return `no line of ${nameOf(silent)} has come since the collector started`;
  const stale = clocks.find((clock) => isStale(clock, at, staleAfterMs));
  if (!stale) return undefined;
  const seconds = Math.floor((at.monotonic - (stale.lastLine?.monotonic ?? 0)) / 1_000);
  const was = stale.word === 'HOLDOVER' ? 'in HOLDOVER' : stale.word;
  return `${nameOf(stale)} was ${was}, but has been silent for ${seconds} s`;
}

const nameOf = ({ process, iface, config }: ClockView): string => `${process} of ${iface} (${config})`;
