import type { ConfigFile } from '../parse/configFile.js';
import { DEFAULT_LIMITS, type Limits, type Profile } from '../parse/nodeProfile.js';
import type {
  ClockClassSeen,
  ClockState,
  HaProfileSeen,
  Observation,
  OffsetSeen,
  Process,
  ProcessStatusSeen,
  SummarySeen,
} from '../parse/observation.js';
import type { Change, ClockChange } from './change.js';
import type { Clock, Instant } from './clock.js';
import { Configuration } from './configuration.js';
import { hearBoundary, hearDpll, hearGnss, hearGrandmaster, hearTs2phcOffset } from './grandmaster.js';
import { hearChrony, hearPhc2sysOffset, hearPhc2sysSummary } from './osClock.js';
import { worstOf } from './overall.js';
import { hearPort, hearPtp4lOffset, hearPtp4lSummary, toClockChange, type Step } from './ptp4lClock.js';
import { hearSynceQuality, hearSynceState } from './synce.js';

/** What became of a line: it counted, it counts for nothing here, or its configuration is not known. */
export type Outcome = 'used' | 'ignored' | 'unknown_config';

export interface Heard {
  outcome: Outcome;
  /** In the order in which they are to be published. */
  changes: readonly Change[];
  /** The process whose lines have been nothing but summaries for a minute; told once. */
  onlySummaries?: { config: string; process: Process };
}

export interface ProcessRecord {
  process: Process;
  /** As written, ts2phc.<n>.config included. */
  writtenConfig: string;
  config: string;
  isUp: boolean;
  restarts: number;
}

const USED: Heard = { outcome: 'used', changes: [] };
const IGNORED: Heard = { outcome: 'ignored', changes: [] };
const UNKNOWN_CONFIG: Heard = { outcome: 'unknown_config', changes: [] };

/** Processes are kept for configurations without a file too; so many at most. */
const MAX_PROCESSES = 256;

/** Everything known about the clocks of this node. Lines, deadlines and files go in, changes come out. */
export class NodeClocks {
  readonly configs = new Map<string, Configuration>();
  readonly processes = new Map<string, ProcessRecord>();
  /** By name, as the node profile has them. */
  profiles: ReadonlyMap<string, Profile> = new Map();
  /** Members of a high-availability group and whether each is active. */
  readonly haProfiles = new Map<string, boolean>();
  /** The daemon repeats its present state: a process that was up already has not been started again. */
  isReplaying = false;
  /** The overall state published last; undefined while there has been none. */
  overall: ClockState | undefined = undefined;
  /** Wall clock: when it entered that state. */
  overallSince = 0;
  /** Monotonic ms: until then a configuration known from before the start may wait for its file. */
  orphansEndMs: number | undefined = undefined;
  #stamp = 0;

  /** Takes in what a line says. A line that changes nothing costs no allocation here. */
  observe(seen: Observation, at: Instant): Heard {
    if (seen.kind === 'command') {
      this.isReplaying = false;
      return USED;
    }
    if (seen.kind === 'process-status') return this.#hearProcess(seen, at);
    const config = this.configs.get(seen.config);
    if (config === undefined || !config.isKnown) return UNKNOWN_CONFIG;
    if (seen.kind === 'offset') config.summaries.hearOffset(seen.process);
    const effect = this.#hear(seen, this.#step(config, at));
    if (seen.kind === 'summary' && config.summaries.hearSummary(seen.process, at.monotonic)) {
      return { ...USED, onlySummaries: { config: config.name, process: seen.process } };
    }
    if (effect === undefined) return USED;
    if (effect === 'ignored') return IGNORED;
    return { outcome: 'used', changes: this.#withOverall([effect], at) };
  }

  /** The earliest moment (monotonic ms) at which time alone changes something. */
  nextDeadline(): number | undefined {
    let earliest = this.orphansEndMs;
    for (const { ptp4l } of this.configs.values()) {
      const ends = ptp4l?.holdoverEndsMs;
      if (ends !== undefined && (earliest === undefined || ends < earliest)) earliest = ends;
    }
    return earliest;
  }

  /** Ends every holdover whose time is over (decision f), and the wait for files that did not come back. */
  timePassed(at: Instant): Change[] {
    const changes = this.#endOrphans(at);
    for (const { ptp4l } of this.configs.values()) {
      if (ptp4l?.holdoverEndsMs === undefined || ptp4l.holdoverEndsMs > at.monotonic) continue;
      changes.push(...this.#withOverall([this.#freeRun(ptp4l, 'lockState', at)], at));
    }
    return changes;
  }

  setProfiles(profiles: readonly Profile[]): void {
    this.profiles = new Map(profiles.map((profile) => [profile.name, profile]));
    const members = new Set(profiles.flatMap(({ haProfiles }) => haProfiles));
    for (const name of this.haProfiles.keys()) if (!members.has(name)) this.haProfiles.delete(name);
  }

  setConfigFile(name: string, file: ConfigFile): void {
    const config = this.configs.get(name);
    if (config) config.replaceFile(file);
    else this.configs.set(name, new Configuration(name, file));
  }

  /**
   * A configuration file was deleted (row "Deletion of a config"): its clocks are FREERUN, then everything about it is
   * forgotten. Nothing is published for a clock without data, nor for one that is FREERUN already.
   */
  removeConfigFile(name: string, at: Instant): Change[] {
    const config = this.configs.get(name);
    if (config === undefined) return [];
    const changes: Change[] = [];
    const { osClock } = config;
    const leaving = config.lockClocks().filter(({ state }) => state !== undefined && state !== 'FREERUN');
    const osLeaves = osClock?.state !== undefined && osClock.state !== 'FREERUN' && !this.#hasOtherOsClock(config);
    for (const clock of config.countingClocks()) if (clock.state !== undefined) clock.enter('FREERUN', at);
    if (osClock && osLeaves) {
      changes.push(...this.#withOverall([toClockChange(osClock, 'osClockSyncState')], at));
    }
    for (const { iface, state, offsetNs } of config.gnss.values()) {
      if (state === 'FREERUN') continue;
      const word = 'FREERUN';
      changes.push({ resource: 'gnssSyncStatus', config: name, iface, state: word, word, offsetNs, fix: undefined });
    }
    for (const clock of leaving) changes.push(...this.#withOverall([toClockChange(clock)], at));
    this.configs.delete(name);
    for (const member of this.profiles.get(config.file.profile)?.haProfiles ?? []) this.haProfiles.delete(member);
    for (const [key, process] of this.processes) if (process.config === name) this.processes.delete(key);
    return this.#withOverall(changes, at);
  }

  limitsOf(config: Configuration): Limits {
    const profile = this.profiles.get(config.file.profile) ?? this.profiles.values().next().value;
    return profile?.limits ?? DEFAULT_LIMITS;
  }

  /** Publishes the overall state where it is not the one published last. */
  checkOverall(at: Instant): Change[] {
    return this.#withOverall([], at);
  }

  /** Rises with every port that has another role than before. */
  roleChanges(): number {
    let changes = 0;
    for (const config of this.configs.values()) changes += config.roleChanges;
    return changes;
  }

  /** Every clock behind sync-state. */
  countingClocks(): Clock[] {
    return [...this.configs.values()].flatMap((config) => config.countingClocks());
  }

  #endOrphans(at: Instant): Change[] {
    if (this.orphansEndMs === undefined || at.monotonic < this.orphansEndMs) return [];
    this.orphansEndMs = undefined;
    const orphans = [...this.configs.values()].filter(({ isOrphan }) => isOrphan);
    return orphans.flatMap(({ name }) => this.removeConfigFile(name, at));
  }

  #step(config: Configuration, at: Instant): Step {
    const profile = this.profiles.get(config.file.profile);
    return { config, limits: profile?.limits ?? this.limitsOf(config), profile, at, stamp: ++this.#stamp };
  }

  #hear(
    seen: Exclude<Observation, { kind: 'command' | 'process-status' }>,
    step: Step,
  ): Change | undefined | 'ignored' {
    switch (seen.kind) {
      case 'offset':
        return hearOffset(seen, step);
      case 'summary':
        return hearSummary(seen, step);
      case 'port':
        return hearPort(seen, step);
      case 'clock-class':
        return hearClockClass(seen, step);
      case 'nmea':
        if (!step.config.hasRoomFor(step.config.nmea, seen.iface)) return 'ignored';
        step.config.nmea.set(seen.iface, seen.isAvailable);
        return undefined;
      case 'gnss':
        return hearGnss(seen, step);
      case 'dpll':
        return hearDpll(seen, step);
      case 'grandmaster':
        return hearGrandmaster(seen, step);
      case 'boundary':
        return hearBoundary(seen, step);
      case 'synce-state':
        return hearSynceState(seen, step);
      case 'synce-quality':
        return hearSynceQuality(seen, step);
      case 'chrony':
        return hearChrony(seen, step);
      case 'ha-profile':
        return this.#hearHaProfile(seen, step);
    }
  }

  #hearHaProfile({ profile, isActive }: HaProfileSeen, step: Step): undefined | 'ignored' {
    if (!step.profile?.haProfiles.includes(profile)) return 'ignored';
    this.haProfiles.set(profile, isActive);
    return undefined;
  }

  /** PTP_PROCESS_STATUS counts for the metric even where the configuration is not known; then it has no event. */
  #hearProcess(seen: ProcessStatusSeen, at: Instant): Heard {
    const key = `${seen.process} ${seen.writtenConfig}`;
    const before = this.processes.get(key);
    if (before === undefined && this.processes.size >= MAX_PROCESSES) return IGNORED;
    const { process, writtenConfig, isUp } = seen;
    const isStart = isUp && !(this.isReplaying && before?.isUp === true);
    const restarts = (before?.restarts ?? 0) + (isStart ? 1 : 0);
    this.processes.set(key, { process, writtenConfig, config: seen.config, isUp, restarts });
    const config = this.configs.get(seen.config);
    if (isUp || config === undefined || !config.isKnown) return USED;
    return { outcome: 'used', changes: this.#processDown(process, this.#step(config, at)) };
  }

  /** Decision e: which clocks run free when a process ends. */
  #processDown(process: Process, { config, profile, at, stamp }: Step): Change[] {
    const changes: Change[] = [];
    const publish = (clock: Clock | undefined, resource: ClockChange['resource']): void => {
      if (clock?.state === undefined || clock.state === 'FREERUN') return;
      clock.stateStamp = stamp;
      changes.push(...this.#withOverall([this.#freeRun(clock, resource, at)], at));
    };
    if (process === 'ts2phc') {
      const isJudged = config.grandmaster !== undefined || config.boundary !== undefined;
      for (const clock of config.ts2phc.values()) {
        if (!isJudged) publish(clock, 'lockState');
        else if (clock.state !== undefined) clock.enter('FREERUN', at);
        clock.stateStamp = stamp;
      }
      return changes;
    }
    if (process === 'ptp4l') {
      if (config.boundary) config.ptp4l?.enter('FREERUN', at);
      else publish(config.ptp4l, 'lockState');
      publish(config.boundary, 'lockState');
    }
    if (profile?.runsPhc2sys === true && !profile.runsChronyd) publish(config.osClock, 'osClockSyncState');
    return changes;
  }

  #freeRun(clock: Clock, resource: ClockChange['resource'], at: Instant): ClockChange {
    clock.enter('FREERUN', at);
    clock.stateStamp = ++this.#stamp;
    return toClockChange(clock, resource);
  }

  /** Puts the overall state behind the changes that altered it. */
  #withOverall(changes: Change[], at: Instant): Change[] {
    const state = worstOf(this.countingClocks());
    if (state === undefined || state === this.overall) return changes;
    this.overall = state;
    this.overallSince = at.now;
    changes.push({ resource: 'syncState', state });
    return changes;
  }

  /** phc2sys of another configuration still reports CLOCK_REALTIME with data (decision j). */
  #hasOtherOsClock(config: Configuration): boolean {
    for (const other of this.configs.values()) {
      if (other !== config && other.osClock?.state !== undefined) return true;
    }
    return false;
  }
}

function hearOffset(seen: OffsetSeen, step: Step): ClockChange | undefined | 'ignored' {
  switch (seen.process) {
    case 'ptp4l':
      return hearPtp4lOffset(seen, step);
    case 'phc2sys':
      return hearPhc2sysOffset(seen, step);
    case 'ts2phc':
      return hearTs2phcOffset(seen, step);
  }
}

function hearSummary(seen: SummarySeen, step: Step): ClockChange | undefined | 'ignored' {
  return seen.process === 'ptp4l' ? hearPtp4lSummary(seen, step) : hearPhc2sysSummary(seen, step);
}

/** An event only when the class differs from the last one of this configuration, which is 0 at first. */
function hearClockClass({ process, clockClass }: ClockClassSeen, { config, at }: Step): Change | undefined | 'ignored' {
  const iface = config.mainInterface();
  if (iface === undefined) return 'ignored';
  const before = config.clockClass;
  const isChange = (before?.clockClass ?? 0) !== clockClass;
  config.clockClass = { process, clockClass, since: isChange ? at.now : (before?.since ?? at.now), lastLine: at };
  return isChange ? { resource: 'clockClass', process, config: config.name, iface, clockClass } : undefined;
}
