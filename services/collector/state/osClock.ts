import type { ChronySeen, ClockState, OffsetSeen, Process, SummarySeen } from '../parse/observation.js';
import type { ClockChange } from './change.js';
import { better, CLOCK_REALTIME, Clock, worse, type Instant } from './clock.js';
import type { Configuration } from './configuration.js';
import { isInRange, isRemembered, judgeOsClock } from './judge.js';
import { takeReadings, takeSummary, toClockChange, type Effect, type Step } from './ptp4lClock.js';

/** phc2sys of another configuration that has been silent for so long does not steer beside the one that speaks. */
const SILENT_MS = 60_000;

export type Steerer = 'phc2sys' | 'chronyd';

/**
 * CLOCK_REALTIME: one clock, which phc2sys and chronyd steer one at a time (decision m). Its state is that of the one
 * that last gave a state and has not been reported down. Should phc2sys run in several configurations at once, they pull
 * at the same clock, and the worst of their states is its state.
 */
export class OsClock {
  /** What each process said last: one or two, of each configuration. */
  #steerers: Clock[] = [];
  readonly #down = new Set<Clock>();
  /** The state told last. */
  #told: ClockState | undefined = undefined;
  /** Whose state it is: of the process that steers, or of the last one that did. */
  shown: Clock | undefined = undefined;

  /** What there is to tell about each process: one that is down says nothing any more. */
  get clocks(): { clock: Clock; isHeard: boolean }[] {
    return this.#steerers.map((clock) => ({
      clock,
      isHeard: clock === this.shown || !this.#down.has(clock),
    }));
  }

  clockOf(process: Steerer, config: string): Clock {
    const known = this.#find(process, config);
    if (known) return known;
    const clock = new Clock(process, config, CLOCK_REALTIME);
    this.#steerers.push(clock);
    return clock;
  }

  /** A process gave a state, and so it runs, whatever was reported before. */
  enter(clock: Clock, state: ClockState, { at, stamp }: Step): ClockChange | undefined {
    this.#down.delete(clock);
    clock.stateStamp = stamp;
    clock.enter(state, at);
    return this.#settle(this.#steering(at), at);
  }

  /** The clock that a process follows has ended: what it said before is void. */
  freeRun(process: Steerer, config: string, at: Instant): ClockChange | undefined {
    const clock = this.#find(process, config);
    if (clock?.state === undefined) return undefined;
    clock.enter('FREERUN', at);
    return this.#settle(this.#steering(at) ?? this.shown, at);
  }

  /**
   * A process has ended. The other one counts if it has given a state; with nobody left the clock runs free.
   * @param isAwaited the other one is about to be started and will tell
   */
  down(process: Process, config: string, isAwaited: boolean, at: Instant): ClockChange | undefined {
    const clock = this.#find(process, config);
    if (clock) this.#down.add(clock);
    const steering = this.#steering(at);
    if (clock && clock !== this.shown) clock.state = undefined;
    if (steering) return this.#settle(steering, at);
    if (isAwaited || this.shown === undefined) return undefined;
    this.shown.enter('FREERUN', at);
    return this.#settle(this.shown, at);
  }

  /** A configuration is gone, and what its processes said with it. Returns what that alters while it still counts. */
  leave(config: string, at: Instant): ClockChange | undefined {
    for (const clock of this.#steerers) if (clock.config === config) this.#down.add(clock);
    const steering = this.#steering(at);
    if (steering) return this.#settle(steering, at);
    if (this.shown?.config !== config) return undefined;
    this.shown.enter('FREERUN', at);
    return this.#settle(this.shown, at);
  }

  forget(config: string): void {
    for (const clock of this.#steerers) if (clock.config === config) this.#down.delete(clock);
    this.#steerers = this.#steerers.filter((clock) => clock.config !== config);
    if (this.shown?.config !== config) return;
    this.shown = undefined;
    this.#told = undefined;
  }

  /** What was known from before the start; lines know better. */
  restore(process: Steerer, config: string, fill: (clock: Clock) => void): void {
    if (this.shown !== undefined) return;
    const clock = this.clockOf(process, config);
    fill(clock);
    if (clock.state === undefined) return;
    this.shown = clock;
    this.#told = clock.state;
  }

  #find(process: Process, config: string): Clock | undefined {
    for (const clock of this.#steerers) if (clock.process === process && clock.config === config) return clock;
    return undefined;
  }

  /** The clock of the process that steers now; undefined when there is none. */
  #steering(at: Instant): Clock | undefined {
    let newest: Clock | undefined;
    for (const clock of this.#steerers) {
      if (clock.state === undefined || this.#down.has(clock)) continue;
      if (newest === undefined || clock.stateStamp >= newest.stateStamp) newest = clock;
    }
    if (newest === undefined || this.#steerers.length === 1) return newest;
    let worst = newest;
    for (const clock of this.#steerers) {
      if (clock.process !== newest.process || clock.state === undefined || this.#down.has(clock)) continue;
      if (clock.lastLine !== undefined && at.monotonic - clock.lastLine.monotonic >= SILENT_MS) continue;
      if (worse(clock.state, worst.state) !== worst.state) worst = clock;
    }
    return worst;
  }

  #settle(steering: Clock | undefined, at: Instant): ClockChange | undefined {
    if (steering?.state === undefined) return undefined;
    const before = this.shown;
    this.shown = steering;
    const isNew = steering.state !== this.#told;
    if (before !== undefined && before !== steering) {
      steering.since = isNew ? at.now : before.since;
      if (this.#down.has(before)) before.state = undefined;
    }
    this.#told = steering.state;
    return isNew ? toClockChange(steering, 'osClockSyncState') : undefined;
  }
}

/** The OS clock is judged by each phc2sys line: its own word, and the clock that it follows (row "OS clock"). */
export function hearPhc2sysOffset(seen: OffsetSeen, step: Step): Effect {
  const { os, config, limits } = step;
  const clock = os.clockOf('phc2sys', config.name);
  const before = clock.state;
  const inRange = isInRange(seen.offsetNs, limits);
  takeReadings(clock, seen, step);
  if (isRemembered(before, seen, inRange)) clock.rememberedNs = seen.offsetNs;
  const own = judgeOsClock(before, seen, inRange);
  const after = own === 'FREERUN' ? own : worse(own, followedState(step));
  if (after === undefined) return undefined;
  const change = os.enter(clock, after, step);
  if (change === undefined || os.shown !== clock) return change;
  change.offsetNs = seen.offsetNs ?? clock.rememberedNs;
  return change;
}

/**
 * FREERUN or HOLDOVER of the clock that phc2sys follows. In a high-availability profile it follows one member or another,
 * so the best of them is what it can be (decision v).
 */
function followedState({ config, configs, profile }: Step): ClockState | undefined {
  if (profile === undefined || profile.haProfiles.length === 0) return limitOf(config);
  let best: ClockState | undefined;
  for (const member of configs.values()) {
    if (!profile.haProfiles.includes(member.file.profile) || member === config) continue;
    best = better(best, stateOfMember(member));
  }
  return best === 'LOCKED' ? undefined : best;
}

/** Of a grandmaster only FREERUN counts. */
function limitOf(config: Configuration): ClockState | undefined {
  const state = stateOfMember(config);
  return state === 'LOCKED' ? undefined : state;
}

function stateOfMember({ grandmaster, boundary, ptp4l }: Configuration): ClockState | undefined {
  if (grandmaster) return grandmaster.state === 'HOLDOVER' ? 'LOCKED' : grandmaster.state;
  return (boundary ?? ptp4l)?.state;
}

export function hearPhc2sysSummary(seen: SummarySeen, step: Step): Effect {
  const clock = step.os.clockOf('phc2sys', step.config.name);
  clock.source = 'phc';
  takeSummary(clock, seen, step);
  return undefined;
}

/** chronyd gives no offset: it counts as 0, and there is no threshold. */
export function hearChrony({ state }: ChronySeen, step: Step): Effect {
  const clock = step.os.clockOf('chronyd', step.config.name);
  clock.rememberedNs = 0;
  clock.lastLine = step.at;
  return step.os.enter(clock, state, step);
}
