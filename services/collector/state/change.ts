import type { ClockState, Nanoseconds, Process } from '../parse/observation.js';

/** What a line, a deadline or a file altered, one kind per event resource. Each becomes one event. */

/** A clock of lock-state or os-clock-sync-state entered another state. */
export interface ClockChange {
  resource: 'lockState' | 'osClockSyncState';
  process: Process;
  config: string;
  iface: string;
  state: ClockState;
  /** undefined while no offset is known. */
  offsetNs: Nanoseconds | undefined;
  holdoverEndsMs: number | undefined;
}

/** The worst of all clocks of the node changed. */
export interface OverallChange {
  resource: 'syncState';
  state: ClockState;
}

export interface ClockClassChange {
  resource: 'clockClass';
  process: Process;
  config: string;
  iface: string;
  clockClass: number;
}

export type GnssWord = 'SYNCHRONIZED' | 'ACQUIRING-SYNC' | 'FAILURE-NOFIX' | 'FREERUN';

export interface GnssChange {
  resource: 'gnssSyncStatus';
  config: string;
  iface: string;
  state: ClockState;
  word: GnssWord;
  offsetNs: Nanoseconds | undefined;
  /** undefined when the configuration was deleted. */
  fix: number | undefined;
}

export interface SynceStateChange {
  resource: 'synceLockState';
  config: string;
  iface: string;
  device: string;
  state: ClockState;
}

export interface SynceQualityChange {
  resource: 'synceClockQuality';
  config: string;
  iface: string;
  device: string;
  ql: number;
  extQl: number;
}

export type Change =
  ClockChange | OverallChange | ClockClassChange | GnssChange | SynceStateChange | SynceQualityChange;
