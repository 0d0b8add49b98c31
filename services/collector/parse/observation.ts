/** What a line of the daemon told us. The words are those of the line, checked; nothing is judged yet. */

/** Whole nanoseconds of the 64-bit range: a bigint where a double would lose digits. */
export type Nanoseconds = number | bigint;

/** State of a clock, the word that its events carry. */
export type ClockState = 'FREERUN' | 'LOCKED' | 'HOLDOVER';

/** Every process whose lines count. A label value of a metric is one of these, never text from the socket. */
export const PROCESSES = [
  'ptp4l',
  'phc2sys',
  'ts2phc',
  'gnss',
  'dpll',
  'GM',
  'T-BC',
  'synce4l',
  'chronyd',
  'gpsd',
  'gpspipe',
] as const;
export type Process = (typeof PROCESSES)[number];

/** An offset line of ptp4l, phc2sys (of CLOCK_REALTIME) or ts2phc. */
export interface OffsetSeen {
  kind: 'offset';
  process: 'ptp4l' | 'phc2sys' | 'ts2phc';
  config: string;
  /** Interface of a ts2phc line; empty for the others. */
  iface: string;
  /** What the offset is measured against. */
  source: 'master' | 'phc' | 'sys';
  /** undefined where the line has a placeholder. */
  offsetNs: Nanoseconds | undefined;
  /** s0 and s1 are FREERUN; s2 and s3 are LOCKED, which the thresholds then judge. */
  servo: 'FREERUN' | 'LOCKED';
  /** undefined where the line has none that counts; delayNs too. */
  freqPpb: number | undefined;
  delayNs: number | undefined;
  /** The line ends before a delay that it should have (decision b). */
  lacksDelay: boolean;
  /** The word `holdover` at the end of a ts2phc line. */
  saysHoldover: boolean;
}

/** Statistics over an interval (`rms …`); they carry no state. */
export interface SummarySeen {
  kind: 'summary';
  process: 'ptp4l' | 'phc2sys';
  config: string;
  /** undefined where the figure is beyond 2^53. */
  rmsNs: number | undefined;
  maxNs: number | undefined;
  freqPpb: number | undefined;
  delayNs: number | undefined;
}

/** A port of ptp4l was `was` and is `is`. */
export interface PortSeen {
  kind: 'port';
  config: string;
  /** As printed; undefined for one that no port can have, beside a name. */
  port: number | undefined;
  /** Its name, which is better evidence than its number; empty where the line has none. */
  iface: string;
  was: string;
  is: string;
}

export interface ClockClassSeen {
  kind: 'clock-class';
  process: Process;
  config: string;
  clockClass: number;
}

export interface ProcessStatusSeen {
  kind: 'process-status';
  process: Process;
  config: string;
  /** As the line has it, ts2phc.<n>.config included. */
  writtenConfig: string;
  isUp: boolean;
}

export interface NmeaSeen {
  kind: 'nmea';
  config: string;
  iface: string;
  isAvailable: boolean;
}

export interface GnssSeen {
  kind: 'gnss';
  config: string;
  iface: string;
  /** 0 none, 1 dead reckoning, 2 2D, 3 3D, 4 GPS and dead reckoning, 5 time only; others as they are, such as -1. */
  fix: number | undefined;
  offsetNs: Nanoseconds | undefined;
  state: ClockState;
}

export interface DpllSeen {
  kind: 'dpll';
  config: string;
  iface: string;
  frequencyStatus: number | undefined;
  phaseStatus: number | undefined;
  ppsStatus: number | undefined;
  offsetNs: Nanoseconds | undefined;
  state: ClockState;
}

export interface GrandmasterSeen {
  kind: 'grandmaster';
  config: string;
  iface: string;
  state: ClockState;
}

/** A telecom boundary clock's own judgement. */
export interface BoundarySeen {
  kind: 'boundary';
  config: string;
  iface: string;
  offsetNs: Nanoseconds | undefined;
  state: ClockState;
}

export interface SynceStateSeen {
  kind: 'synce-state';
  config: string;
  iface: string;
  device: string;
  networkOption: number | undefined;
  state: ClockState;
}

export interface SynceQualitySeen {
  kind: 'synce-quality';
  config: string;
  iface: string;
  device: string;
  networkOption: number | undefined;
  ql: number;
  /** undefined where the line has none, or none that is a byte. */
  extQl: number | undefined;
}

/** chronyd chose a source, or lost every one. */
export interface ChronySeen {
  kind: 'chrony';
  config: string;
  state: 'LOCKED' | 'FREERUN';
}

export interface HaProfileSeen {
  kind: 'ha-profile';
  config: string;
  profile: string;
  isActive: boolean;
}

/** A control line of newer daemons: `CMD RESTART` (read everything again), `CMD LIVE_START` (a replay has ended). */
export interface CommandSeen {
  kind: 'command';
  command: 'RESTART' | 'LIVE_START';
}

export type Observation =
  | OffsetSeen
  | SummarySeen
  | PortSeen
  | ClockClassSeen
  | ProcessStatusSeen
  | NmeaSeen
  | GnssSeen
  | DpllSeen
  | GrandmasterSeen
  | BoundarySeen
  | SynceStateSeen
  | SynceQualitySeen
  | ChronySeen
  | HaProfileSeen
  | CommandSeen;

/** Why a line says nothing: it is whole and means nothing to us, or it is broken. */
export type Unread = 'ignored' | 'malformed';
