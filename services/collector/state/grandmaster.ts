import type {
  BoundarySeen,
  DpllSeen,
  GnssSeen,
  GrandmasterSeen,
  Nanoseconds,
  OffsetSeen,
} from '../parse/observation.js';
import type { GnssChange, GnssWord } from './change.js';
import type { Configuration } from './configuration.js';
import { moveByOffset, toClockChange, type Effect, type Step } from './ptp4lClock.js';

/** Once a grandmaster speaks for the configuration, ts2phc lines are figures only. */
export function hearTs2phcOffset(seen: OffsetSeen, step: Step): Effect {
  const { config } = step;
  const clock = config.ts2phcOf(seen.iface);
  if (clock === undefined) return 'ignored';
  config.offsetSource = 'ts2phc';
  if (!config.isJudged) return moveByOffset(clock, seen, step);
  clock.state = undefined;
  moveByOffset(clock, seen, step);
  return undefined;
}

/** The daemon decides; the offset is the dpll's of the interface, else its last ts2phc offset (decision c). */
export function hearGrandmaster({ iface, state }: GrandmasterSeen, { config, at, stamp }: Step): Effect {
  const clock = config.clockOf('GM', iface);
  clock.lastLine = at;
  clock.stateStamp = stamp;
  if (clock.state === state) return undefined;
  clock.enter(state, at);
  clock.rememberedNs = grandmasterOffset(config);
  clock.offsetNs = clock.rememberedNs;
  clock.readingsStamp = stamp;
  return toClockChange(clock);
}

/** The grandmaster's offset as of now. */
export function grandmasterOffset(config: Configuration): Nanoseconds | undefined {
  const { grandmaster } = config;
  if (!grandmaster) return undefined;
  const { iface, rememberedNs } = grandmaster;
  return config.dpll.get(iface)?.offsetNs ?? config.ts2phc.get(iface)?.rememberedNs ?? rememberedNs;
}

export function hearBoundary({ iface, offsetNs, state }: BoundarySeen, { config, at, stamp }: Step): Effect {
  const clock = config.clockOf('T-BC', iface);
  clock.lastLine = at;
  clock.stateStamp = stamp;
  clock.readingsStamp = stamp;
  clock.offsetNs = offsetNs ?? clock.offsetNs;
  clock.rememberedNs = offsetNs ?? clock.rememberedNs;
  if (clock.state === state) return undefined;
  clock.enter(state, at);
  return toClockChange(clock);
}

export function hearDpll(seen: DpllSeen, { config, stamp }: Step): Effect {
  if (!config.hasRoomFor(config.dpll, seen.iface)) return 'ignored';
  const record = config.dpll.get(seen.iface);
  if (record === undefined) {
    config.dpll.set(seen.iface, { ...seen, stamp });
    return undefined;
  }
  // A pair that the line leaves out keeps its last value.
  record.frequencyStatus = seen.frequencyStatus ?? record.frequencyStatus;
  record.phaseStatus = seen.phaseStatus ?? record.phaseStatus;
  record.ppsStatus = seen.ppsStatus ?? record.ppsStatus;
  record.offsetNs = seen.offsetNs ?? record.offsetNs;
  record.state = seen.state;
  record.stamp = stamp;
  return undefined;
}

/** An event when the state changes, or when the fix kind changes the published word (decision h). */
export function hearGnss(seen: GnssSeen, { config, at, stamp }: Step): GnssChange | undefined | 'ignored' {
  if (!config.hasRoomFor(config.gnss, seen.iface)) return 'ignored';
  const { iface, state, fix } = seen;
  const record = config.gnss.get(iface);
  const word = gnssWord(seen);
  const offsetNs = seen.offsetNs ?? record?.offsetNs;
  const listedFix = isListed(fix) ? fix : record?.listedFix;
  if (record === undefined) {
    config.gnss.set(iface, { ...seen, listedFix, word, since: at.now, lastLine: at, stamp });
  } else {
    const isSame = record.state === state && record.word === word;
    record.offsetNs = offsetNs;
    record.fix = fix;
    record.listedFix = listedFix;
    record.lastLine = at;
    record.stamp = stamp;
    if (isSame) return undefined;
    record.state = state;
    record.word = word;
    record.since = at.now;
  }
  return { resource: 'gnssSyncStatus', config: config.name, iface, state, word, offsetNs, fix };
}

const MAX_FIX = 5;

const isListed = (fix: number | undefined): boolean => fix !== undefined && fix >= 0 && fix <= MAX_FIX;

function gnssWord({ state, fix }: GnssSeen): GnssWord {
  if (state === 'LOCKED') return 'SYNCHRONIZED';
  return fix === 0 ? 'FAILURE-NOFIX' : 'ACQUIRING-SYNC';
}
