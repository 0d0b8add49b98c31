import type { Stage } from '../../shared/messages.js';
import type { HopRow } from './journey.js';

/** A stretch of the time axis: ms after the line was read, and how long. */
export interface Stretch {
  startMs: number;
  ms: number;
}

/** The hops of a delivery on one time axis, which begins when the line was read. To the microsecond, without rounding errors. */
export interface Axis {
  hops: HopRow[];
  totalMs: number;
  /** What the hops tell of the total; where several overlap, the time counts once. */
  coveredMs: number;
  /** The rest of the total. */
  unaccountedMs: number;
  /** Where the rest lies. */
  gaps: Stretch[];
}

/** These follow one another. `emit` ends where they begin; `publish` begins with `broker`, and may end after everything. */
const CHAIN: readonly Stage[] = ['parse', 'enqueue', 'broker', 'queue', 'retry', 'post'];

/**
 * Puts hops on the axis. What follows one another lies end to end from the start. Behind a hop that is not known, or is
 * suspect, it lies at the end of the total instead: as late as it can have been, so that the gap is where the unknown hop is.
 * A hop that does not fit into the total, which one clock has measured, is suspect: of two clocks before of one.
 * Without a measured total, it is the sum of what is known.
 */
export function onAxis(rows: readonly HopRow[], loopMs: number | undefined): Axis {
  const hops = loopMs === undefined ? [...rows] : fitting(rows, micros(loopMs));
  const chain = hops.filter(({ hop }) => CHAIN.includes(hop));
  const knownUs = chain.reduce((sum, row) => sum + believedUs(row), 0);
  const totalUs = loopMs === undefined ? knownUs : micros(loopMs);
  const lastUnknown = chain.findLast((row) => !isBelieved(row));

  const startsUs = new Map<Stage, number>();
  let atUs = 0;
  for (const row of chain) {
    if (row.hop === 'broker') startsUs.set('publish', atUs);
    startsUs.set(row.hop, atUs);
    atUs += row === lastUnknown ? totalUs - knownUs : believedUs(row);
  }
  const emit = hops.find(({ hop }) => hop === 'emit');
  if (emit) startsUs.set('emit', 0 - believedUs(emit));

  const placed = hops.map((row): HopRow => {
    const startUs = startsUs.get(row.hop);
    return isBelieved(row) && startUs !== undefined ? { ...row, startMs: startUs / 1_000 } : row;
  });
  const gaps = gapsBetween(placed, totalUs);
  const unaccountedUs = gaps.reduce((sum, [fromUs, toUs]) => sum + toUs - fromUs, 0);
  return {
    hops: placed,
    totalMs: totalUs / 1_000,
    coveredMs: (totalUs - unaccountedUs) / 1_000,
    unaccountedMs: unaccountedUs / 1_000,
    gaps: gaps.map(([fromUs, toUs]) => ({ startMs: fromUs / 1_000, ms: (toUs - fromUs) / 1_000 })),
  };
}

/** What does not fit into the total contradicts it. */
function fitting(rows: readonly HopRow[], totalUs: number): HopRow[] {
  let leftUs = totalUs;
  const contradicting = new Set<HopRow>();
  for (const quality of ['exact', 'derived']) {
    for (const row of rows) {
      if (!CHAIN.includes(row.hop) || row.quality !== quality) continue;
      if (believedUs(row) > leftUs) contradicting.add(row);
      else leftUs -= believedUs(row);
    }
  }
  return rows.map((row) => (contradicting.has(row) ? { ...row, quality: 'suspect' } : row));
}

/** What no row covers, between the start of the axis and its end. */
function gapsBetween(rows: readonly HopRow[], totalUs: number): [fromUs: number, toUs: number][] {
  const gaps: [number, number][] = [];
  const covered = rows.flatMap(({ startMs, ms = 0 }): [number, number][] =>
    startMs === undefined ? [] : [[micros(startMs), micros(startMs) + micros(ms)]],
  );
  let untilUs = 0;
  for (const [fromUs, toUs] of covered.toSorted(([a], [b]) => a - b)) {
    if (fromUs > untilUs) gaps.push([untilUs, fromUs]);
    untilUs = Math.max(untilUs, toUs);
  }
  if (untilUs < totalUs) gaps.push([untilUs, totalUs]);
  return gaps;
}

const isBelieved = ({ ms, quality }: HopRow): boolean => ms !== undefined && quality !== 'suspect';
const believedUs = (row: HopRow): number => (isBelieved(row) ? micros(row.ms ?? 0) : 0);
const micros = (ms: number): number => Math.round(ms * 1_000);
