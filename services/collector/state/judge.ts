import type { Limits } from '../parse/nodeProfile.js';
import type { ClockState, Nanoseconds, OffsetSeen } from '../parse/observation.js';

/** Between the thresholds, both excluded; an offset that nobody knows is not. */
export const isInRange = (offsetNs: Nanoseconds | undefined, { minOffsetNs, maxOffsetNs }: Limits): boolean =>
  offsetNs !== undefined && offsetNs > minOffsetNs && offsetNs < maxOffsetNs;

/**
 * The state of a ptp4l or ts2phc clock after an offset line (decisions b and f, rows "Holdover" and "HOLDOVER by line").
 * undefined: still no state.
 */
export function judgeOffset(
  state: ClockState | undefined,
  { servo, saysHoldover, lacksDelay }: OffsetSeen,
  inRange: boolean,
): ClockState | undefined {
  if (saysHoldover) return 'HOLDOVER';
  if (servo === 'FREERUN') return 'FREERUN';
  if (lacksDelay) {
    if (state !== 'LOCKED') return state;
    return inRange ? 'HOLDOVER' : 'FREERUN';
  }
  if (inRange) return 'LOCKED';
  return state === 'HOLDOVER' ? 'HOLDOVER' : 'FREERUN';
}

/**
 * The OS clock's own word (row "OS clock"): LOCKED by s2; without a delay HOLDOVER, but only where it was LOCKED or in
 * HOLDOVER before. FREERUN is final: nothing can make it better.
 */
export function judgeOsClock(
  state: ClockState | undefined,
  { servo, lacksDelay }: OffsetSeen,
  inRange: boolean,
): ClockState | undefined {
  if (servo === 'FREERUN' || !inRange) return 'FREERUN';
  if (!lacksDelay) return 'LOCKED';
  return state === 'LOCKED' || state === 'HOLDOVER' ? 'HOLDOVER' : undefined;
}

/** Row "Last known offset": an s2 line out of range does not replace it while the clock is FREERUN or in HOLDOVER. */
export const isRemembered = (
  before: ClockState | undefined,
  { servo, offsetNs }: OffsetSeen,
  inRange: boolean,
): boolean => offsetNs !== undefined && (servo === 'FREERUN' || inRange || before === undefined || before === 'LOCKED');
