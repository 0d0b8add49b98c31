import { bus } from '../shared/contract/bus.js';

const { lockState, osClockSyncState, syncState, gnssSyncStatus, synceLockState } = bus.resources;

const CLOCK_WORDS = ['FREERUN', 'HOLDOVER', 'LOCKED'] as const;
const GNSS_WORDS = ['FREERUN', 'FAILURE-NOFIX', 'ACQUIRING-SYNC', 'SYNCHRONIZED'] as const;

/** The state words of each resource, the worst first. Clock class and SyncE clock quality are numbers and have none. */
export const WORDS: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  [lockState.path, CLOCK_WORDS],
  [osClockSyncState.path, CLOCK_WORDS],
  [syncState.path, CLOCK_WORDS],
  [gnssSyncStatus.path, GNSS_WORDS],
  [synceLockState.path, CLOCK_WORDS],
]);
