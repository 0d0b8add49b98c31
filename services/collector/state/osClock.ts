import type { ChronySeen, OffsetSeen, SummarySeen } from '../parse/observation.js';
import { worse } from './clock.js';
import type { Configuration } from './configuration.js';
import { isInRange, isRemembered, judgeOsClock } from './judge.js';
import { takeReadings, takeSummary, toClockChange, type Effect, type Step } from './ptp4lClock.js';

/** The OS clock is judged by each phc2sys line: its own word, and the clock that it follows (row "OS clock"). */
export function hearPhc2sysOffset(seen: OffsetSeen, step: Step): Effect {
  const { config, limits, at, stamp } = step;
  const clock = config.osClockOf('phc2sys');
  const before = clock.state;
  const inRange = isInRange(seen.offsetNs, limits);
  takeReadings(clock, seen, step);
  if (isRemembered(before, seen, inRange)) clock.rememberedNs = seen.offsetNs;
  const own = judgeOsClock(before, seen, inRange);
  const after = own === 'FREERUN' ? own : worse(own, followedState(config));
  if (after === undefined) return undefined;
  clock.stateStamp = stamp;
  if (after === before) return undefined;
  clock.enter(after, at);
  return { ...toClockChange(clock, 'osClockSyncState'), offsetNs: seen.offsetNs };
}

/** FREERUN or HOLDOVER of the clock that phc2sys follows; of a grandmaster only FREERUN counts. */
function followedState(config: Configuration): 'FREERUN' | 'HOLDOVER' | undefined {
  if (config.grandmaster) return config.grandmaster.state === 'FREERUN' ? 'FREERUN' : undefined;
  const state = (config.boundary ?? config.ptp4l)?.state;
  return state === 'LOCKED' ? undefined : state;
}

export function hearPhc2sysSummary(seen: SummarySeen, step: Step): Effect {
  const clock = step.config.osClockOf('phc2sys');
  clock.source = 'phc';
  takeSummary(clock, seen, step);
  return undefined;
}

/** chronyd gives no offset: it counts as 0, and there is no threshold. */
export function hearChrony({ state }: ChronySeen, { config, at, stamp }: Step): Effect {
  const clock = config.osClockOf('chronyd');
  clock.rememberedNs = 0;
  clock.lastLine = at;
  clock.stateStamp = stamp;
  if (clock.state === state) return undefined;
  clock.enter(state, at);
  return toClockChange(clock, 'osClockSyncState');
}
