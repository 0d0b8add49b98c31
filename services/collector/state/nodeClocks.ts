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
import { hearChrony, hearPhc2sysOffset, hearPhc2sysSummary, OsClock } from './osClock.js';
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
  /** As the tag of its lines has it, ts2phc.<n>.config included. */
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

const OWN_FILE_OF_PHC2SYS = 'phc2sys.';

/** Everything known about the clocks of this node. Lines, deadlines and files go in, changes come out. */
export class NodeClocks {
  readonly configs = new Map<string, Configuration>();
  readonly os = new OsClock();
  /** By process and number of the configuration: a profile has one of each, by whichever name it is spoken of. */
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
    const own = this.configs.get(seen.config);
    const config = own?.name.startsWith(OWN_FILE_OF_PHC2SYS) ? this.#configOf(own.name) : own;
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
    for (const { ptp4l, isJudged } of this.configs.values()) {
      if (ptp4l?.holdoverEndsMs === undefined || ptp4l.holdoverEndsMs > at.monotonic) continue;
      const change = this.#freeRun(ptp4l, at);
      if (!isJudged) changes.push(...this.#withOverall([change], at));
    }
    return changes;
  }

  setProfiles(profiles: readonly Profile[]): void {
    this.profiles = new Map(profiles.map((profile) => [profile.name, profile]));
    const members = new Set(profiles.flatMap(({ haProfiles }) => haProfiles));
    for (const name of this.haProfiles.keys()) if (!members.has(name)) this.haProfiles.delete(name);
    for (const config of this.configs.values()) config.setProfile(this.profiles.get(config.file.profile));
  }

  setConfigFile(name: string, file: ConfigFile): void {
    const config = this.configs.get(name);
    const profile = this.profiles.get(file.profile);
    if (config) config.replaceFile(file, profile);
    else this.configs.set(name, new Configuration(name, file, profile));
  }

  /**
   * A configuration file was deleted (row "Deletion of a config"): its clocks are FREERUN, then everything about it is
   * forgotten. Nothing is published for a clock without data, nor for one that is FREERUN already.
   */
  removeConfigFile(name: string, at: Instant): Change[] {
    const config = this.configs.get(name);
    if (config === undefined) return [];
    const changes: Change[] = [];
    const leaving = config.lockClocks().filter(({ state }) => state !== undefined && state !== 'FREERUN');
    for (const clock of config.lockClocks()) if (clock.state !== undefined) clock.enter('FREERUN', at);
    const osChange = this.os.leave(name, at);
    if (osChange) changes.push(...this.#withOverall([osChange], at));
    for (const { iface, state, offsetNs } of config.gnss.values()) {
      if (state === 'FREERUN') continue;
      const word = 'FREERUN';
      changes.push({ resource: 'gnssSyncStatus', config: name, iface, state: word, word, offsetNs, fix: undefined });
    }
    for (const clock of leaving) changes.push(...this.#withOverall([toClockChange(clock)], at));
    this.configs.delete(name);
    this.os.forget(name);
    for (const member of this.profiles.get(config.file.profile)?.haProfiles ?? []) this.haProfiles.delete(member);
    for (const [key, process] of this.processes) if (process.config === name) this.processes.delete(key);
    return this.#withOverall(changes, at);
  }

  limitsOf(config: Configuration): Limits {
    const profile = config.profile ?? this.profiles.values().next().value;
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
    const clocks = [...this.configs.values()].flatMap((config) => config.lockClocks());
    return this.os.shown ? [...clocks, this.os.shown] : clocks;
  }

  /**
   * Processes that were reported down before it was known from before the start what their clocks were: those run free too.
   */
  repeatDowns(at: Instant): Change[] {
    return [...this.processes.values()].flatMap(({ process, config: name, isUp }) => {
      const config = this.#configOf(name);
      return isUp || !config?.isKnown ? [] : this.#processDown(process, this.#step(config, at), isUnheard);
    });
  }

  /**
   * The configuration that a line is about. phc2sys has a file of its own, phc2sys.0.config, by which the daemon's replay
   * names it, while its lines have the tag ptp4l.0.config of the same profile (decision r); in a high-availability profile
   * the own name is the tag.
   */
  #configOf(name: string): Configuration | undefined {
    const own = this.configs.get(name);
    if (!name.startsWith(OWN_FILE_OF_PHC2SYS) || (own?.profile && own.profile.haProfiles.length > 0)) return own;
    const tagged = this.configs.get(`ptp4l.${name.slice(OWN_FILE_OF_PHC2SYS.length)}`);
    if (!tagged?.isKnown) return own;
    return own === undefined || own.file.profile === tagged.file.profile ? tagged : own;
  }

  /** Its lines have the tag of its own file, by whichever name of the same profile its status is told (decision r). */
  #fileOfChronyd(told: string): string {
    const own = this.configs.get(`chronyd.${numberOf(told)}.config`);
    return own?.isKnown && own.file.profile === this.configs.get(told)?.file.profile ? own.name : told;
  }

  #endOrphans(at: Instant): Change[] {
    if (this.orphansEndMs === undefined || at.monotonic < this.orphansEndMs) return [];
    this.orphansEndMs = undefined;
    const orphans = [...this.configs.values()].filter(({ isOrphan }) => isOrphan);
    return orphans.flatMap(({ name }) => this.removeConfigFile(name, at));
  }

  #step(config: Configuration, at: Instant): Step {
    const { configs, os } = this;
    const { profile } = config;
    const limits = profile?.limits ?? this.limitsOf(config);
    return { config, configs, os, limits, profile, at, stamp: ++this.#stamp };
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
    const { process, isUp } = seen;
    const config = this.#configOf(process === 'chronyd' ? this.#fileOfChronyd(seen.config) : seen.config);
    const key = `${process} ${numberOf(seen.config)}`;
    const before = this.processes.get(key);
    if (before === undefined && this.processes.size >= MAX_PROCESSES) return IGNORED;
    const isStart = isUp && !(this.isReplaying && before?.isUp === true);
    this.processes.set(key, {
      process,
      writtenConfig: isToldByFile(seen) ? (config?.name ?? before?.writtenConfig ?? seen.config) : seen.writtenConfig,
      config: config?.name ?? seen.config,
      isUp,
      restarts: (before?.restarts ?? 0) + (isStart ? 1 : 0),
    });
    if (isUp || config === undefined || !config.isKnown) return USED;
    return { outcome: 'used', changes: this.#processDown(process, this.#step(config, at)) };
  }

  /**
   * Which clocks run free when a process ends (decisions e, m and r): those that it steers, and no others.
   * @param isMeant leaves out the clocks that it says no of
   */
  #processDown(process: Process, step: Step, isMeant: (clock: Clock) => boolean = () => true): Change[] {
    const { config, at, stamp } = step;
    const changes: Change[] = [];
    const publish = (clock: Clock | undefined): void => {
      if (clock?.state === undefined || clock.state === 'FREERUN' || !isMeant(clock)) return;
      changes.push(...this.#withOverall([this.#freeRun(clock, at)], at));
    };
    switch (process) {
      case 'ts2phc':
        for (const clock of config.ts2phc.values()) {
          if (!config.isJudged) publish(clock);
          else if (clock.state !== undefined && isMeant(clock)) clock.enter('FREERUN', at);
          clock.stateStamp = stamp;
        }
        return changes;
      case 'ptp4l':
        if (!config.isJudged) publish(config.ptp4l);
        else if (config.ptp4l && isMeant(config.ptp4l)) config.ptp4l.enter('FREERUN', at);
        publish(config.boundary);
        changes.push(...this.#osClockDown(process, step, isMeant));
        return changes;
      case 'phc2sys':
      case 'chronyd':
        changes.push(...this.#osClockDown(process, step, isMeant));
        return changes;
      default:
        return changes;
    }
  }

  /** The OS clock follows ptp4l through phc2sys, and nothing of the kind where the profile has chronyd as well. */
  #osClockDown(
    process: 'ptp4l' | 'phc2sys' | 'chronyd',
    { config, profile, at }: Step,
    isMeant: (clock: Clock) => boolean,
  ): Change[] {
    const { name } = config;
    if (this.os.shown && !isMeant(this.os.shown)) return [];
    let change: ClockChange | undefined;
    if (process === 'chronyd') change = this.os.down(process, name, false, at);
    else if (process === 'phc2sys') {
      const isAwaited = profile !== undefined && (profile.runsChronyd || !profile.runsPhc2sys);
      change = this.os.down(process, name, isAwaited, at);
    } else if (profile?.runsPhc2sys === true && !profile.runsChronyd) change = this.os.freeRun('phc2sys', name, at);
    return change ? this.#withOverall([change], at) : [];
  }

  #freeRun(clock: Clock, at: Instant): ClockChange {
    clock.enter('FREERUN', at);
    clock.stateStamp = ++this.#stamp;
    return toClockChange(clock);
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
}

/** Known from before the start, and not confirmed by a line since. */
const isUnheard = ({ lastLine }: Clock): boolean => lastLine === undefined;

/** 0 of ptp4l.0.config. */
const numberOf = (config: string): string => config.split('.')[1] ?? '';

/** Its series is called by the tag of its lines instead of this name. */
const isToldByFile = ({ process, writtenConfig }: ProcessStatusSeen): boolean =>
  process === 'chronyd' || (process === 'phc2sys' && writtenConfig.startsWith(OWN_FILE_OF_PHC2SYS));

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
