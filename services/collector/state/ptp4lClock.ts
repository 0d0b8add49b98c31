import type { Limits, Profile } from '../parse/nodeProfile.js';
import type { OffsetSeen, PortSeen, SummarySeen } from '../parse/observation.js';
import type { ClockChange } from './change.js';
import type { Clock, Instant } from './clock.js';
import type { Configuration } from './configuration.js';
import { isInRange, isRemembered, judgeOffset } from './judge.js';
import type { OsClock } from './osClock.js';

/** What a handler of a line is given beside the line. */
export interface Step {
  config: Configuration;
  /** Every configuration of the node, and its OS clock. */
  configs: ReadonlyMap<string, Configuration>;
  os: OsClock;
  limits: Limits;
  profile: Profile | undefined;
  at: Instant;
  /** Rises with every line. */
  stamp: number;
}

/** A line that changed no state; `ignored` when it counted for nothing at all. */
export type Effect = ClockChange | undefined | 'ignored';

export function toClockChange(clock: Clock, resource: ClockChange['resource'] = 'lockState'): ClockChange {
  const { process, config, iface, state = 'FREERUN', rememberedNs, holdoverEndsMs } = clock;
  return { resource, process, config, iface, state, offsetNs: rememberedNs, holdoverEndsMs };
}

/** Takes over the figures of an offset line; one that the line has not, or not as a figure, stays as it was (decision p). */
export function takeReadings(clock: Clock, seen: OffsetSeen, { at, stamp }: Step): void {
  clock.source = seen.source;
  clock.freqPpb = seen.freqPpb ?? clock.freqPpb;
  clock.delayNs = seen.delayNs ?? clock.delayNs;
  clock.lastLine = at;
  clock.readingsStamp = stamp;
  if (seen.offsetNs === undefined) return;
  clock.offsetNs = seen.offsetNs;
  clock.maximum.add(Number(seen.offsetNs), at.monotonic);
}

/** Moves a ptp4l or ts2phc clock by an offset line; the change is there only when it has an event of its own. */
export function moveByOffset(clock: Clock, seen: OffsetSeen, step: Step): ClockChange | undefined {
  const { limits, at, stamp } = step;
  const before = clock.state;
  const inRange = isInRange(seen.offsetNs, limits);
  takeReadings(clock, seen, step);
  if (isRemembered(before, seen, inRange)) clock.rememberedNs = seen.offsetNs;
  const after = judgeOffset(before, seen, inRange);
  if (after === undefined) return undefined;
  clock.stateStamp = stamp;
  if (after === before) return undefined;
  clock.enter(after, at);
  if (after === 'HOLDOVER' && clock.process === 'ptp4l') clock.holdoverEndsMs = at.monotonic + limits.holdoverMs;
  return { ...toClockChange(clock), offsetNs: seen.offsetNs ?? clock.rememberedNs };
}

/** An offset line is itself evidence that some port is a slave (decision k). */
export function hearPtp4lOffset(seen: OffsetSeen, step: Step): Effect {
  const { config } = step;
  const iface = config.slaveInterface();
  if (iface === undefined) return 'ignored';
  config.offsetSource = 'ptp4l';
  const change = moveByOffset(config.clockOf('ptp4l', iface), seen, step);
  // A telecom boundary clock speaks through its T-BC lines.
  return config.isJudged ? undefined : change;
}

/** A summary is no evidence: without a known SLAVE it counts only when offset lines came before. */
export function hearPtp4lSummary(seen: SummarySeen, step: Step): Effect {
  const { config } = step;
  const iface =
    config.knownSlaveInterface() ?? (config.ptp4l?.offsetNs === undefined ? undefined : config.slaveInterface());
  if (iface === undefined) return 'ignored';
  takeSummary(config.clockOf('ptp4l', iface), seen, step);
  return undefined;
}

export function takeSummary(clock: Clock, seen: SummarySeen, { at, stamp }: Step): void {
  clock.offsetNs = seen.rmsNs ?? clock.offsetNs;
  clock.freqPpb = seen.freqPpb ?? clock.freqPpb;
  clock.delayNs = seen.delayNs ?? clock.delayNs;
  clock.lastLine = at;
  clock.readingsStamp = stamp;
  if (seen.maxNs !== undefined) clock.maximum.add(seen.maxNs, at.monotonic);
}

/** Leaving SLAVE starts a holdover, from LOCKED only and while ptp4l is the source of the offset (decisions f and k). */
export function hearPort(seen: PortSeen, { config, limits, at, stamp }: Step): Effect {
  const heard = config.hearPort(seen);
  if (heard === undefined) return 'ignored';
  const clock = config.ptp4l;
  if (!heard.leftSlave || clock?.state === undefined) return undefined;
  if (config.isBoundary) {
    // The T-BC line decides; what ptp4l shows for itself is over all the same (decision v).
    clock.enter('FREERUN', at);
    clock.stateStamp = stamp;
    return undefined;
  }
  if (clock.state !== 'LOCKED' || config.offsetSource !== 'ptp4l' || config.isJudged) return undefined;
  clock.enter('HOLDOVER', at);
  clock.holdoverEndsMs = at.monotonic + limits.holdoverMs;
  clock.lastLine = at;
  clock.stateStamp = stamp;
  return toClockChange(clock);
}
