/** What lived shorter is remembered so long: less than an alert waits before it fires. */
const LEAST_MS = 60_000;
/** Kubernetes waits for up to 5 minutes before it starts again what keeps failing: that is one life, with gaps. */
const GAP_MS = 15 * 60_000;

/**
 * For how long something that shows no sign any more is remembered: as long as it lived, so that nothing that ran for some
 * seconds is missed for a day.
 * @param livedMs from its first to its last sign; undefined: it is not known
 * @param mostMs NODE_FORGET_AFTER
 */
export const rememberedMs = (livedMs: number | undefined, mostMs: number): number =>
  livedMs === undefined ? mostMs : Math.min(mostMs, Math.max(LEAST_MS, livedMs));

/** Whether a sign after so long a silence is the beginning of another life. */
export const beginsAnew = (silentMs: number, livedMs: number | undefined, mostMs: number): boolean =>
  silentMs > GAP_MS && silentMs > rememberedMs(livedMs, mostMs);
