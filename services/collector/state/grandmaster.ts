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
  const { config, profile } = step;
  const clock = config.ts2phcOf(seen.iface);
  if (clock === undefined) return 'ignored';
  config.offsetSource = 'ts2phc';
  if (!config.grandmaster && !config.boundary && !profile?.isBoundary) return moveByOffset(clock, seen, step);
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
  clock.offsetNs = offsetNs;
  clock.rememberedNs = offsetNs;
  if (clock.state === state) return undefined;
  clock.enter(state, at);
  return toClockChange(clock);
}

export function hearDpll(seen: DpllSeen, { config, stamp }: Step): Effect {
  if (!config.hasRoomFor(config.dpll, seen.iface)) return 'ignored';
  const before = config.dpll.get(seen.iface);
  // A pair that the line leaves out keeps its last value.
  config.dpll.set(seen.iface, {
    ...seen,
    frequencyStatus: seen.frequencyStatus ?? before?.frequencyStatus,
    phaseStatus: seen.phaseStatus ?? before?.phaseStatus,
    ppsStatus: seen.ppsStatus ?? before?.ppsStatus,
    offsetNs: seen.offsetNs ?? before?.offsetNs,
    stamp,
  });
  return undefined;
}

/** An event when the state changes, or when the fix kind changes the published word (decision h). */
export function hearGnss(seen: GnssSeen, { config, at, stamp }: Step): GnssChange | undefined | 'ignored' {
  if (!config.hasRoomFor(config.gnss, seen.iface)) return 'ignored';
  const before = config.gnss.get(seen.iface);
  const word = gnssWord(seen);
  const isChange = before?.state !== seen.state || before.word !== word;
  config.gnss.set(seen.iface, { ...seen, word, since: isChange ? at.now : before.since, lastLine: at, stamp });
  if (!isChange) return undefined;
  const { iface, state, offsetNs, fix } = seen;
  return { resource: 'gnssSyncStatus', config: config.name, iface, state, word, offsetNs, fix };
}

function gnssWord({ state, fix }: GnssSeen): GnssWord {
  if (state === 'LOCKED') return 'SYNCHRONIZED';
  return fix === 0 ? 'FAILURE-NOFIX' : 'ACQUIRING-SYNC';
}
