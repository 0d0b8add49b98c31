import type { ClockState } from '../parse/observation.js';
import type { GnssWord } from './change.js';
import { Clock, type Instant } from './clock.js';
import { Configuration, NO_FILE } from './configuration.js';
import type { NodeClocks } from './nodeClocks.js';
import { NO_EXTENDED_QL, recordOf } from './synce.js';
import type { ClockView, Resource } from './view.js';

/** What was known when the last collector wrote it down. */
export interface SavedNode {
  clocks: { resource: Resource; clock: ClockView; lastLineMs: number }[];
  ports: { config: string; number: number; iface: string; role: string }[];
  /** Whether CLOCK_MONOTONIC has run on since. After a boot every holdover is over. */
  isSameBoot: boolean;
}

/**
 * Takes over what is not known from lines already. A restored clock counts, but it is not vouched for before a line of
 * it has come. A configuration whose file is not there is kept aside; see NodeClocks.orphansEnd.
 */
export function restore(node: NodeClocks, saved: SavedNode, at: Instant): void {
  const configOf = (name: string): Configuration => {
    let config = node.configs.get(name);
    if (config === undefined) {
      config = new Configuration(name, NO_FILE, undefined);
      config.isOrphan = true;
      node.configs.set(name, config);
    }
    return config;
  };
  for (const { config, number, iface, role } of saved.ports) configOf(config).restoreRole(number, iface, role);
  const newestSource = new Map<string, number>();
  // Of what older collectors wrote as several OS clocks the one counts that was heard last.
  for (const { resource, clock, lastLineMs } of saved.clocks.toSorted((a, b) => b.lastLineMs - a.lastLineMs)) {
    const config = configOf(clock.config);
    // A HOLDOVER whose end was not written down any more gets a full one: late is better than invented.
    const ends = saved.isSameBoot ? clock.holdoverEndsMs : at.monotonic;
    const { process } = clock;
    if (resource === 'osClockSyncState') {
      node.os.restore(process === 'chronyd' ? process : 'phc2sys', clock.config, (empty) => fill(empty, clock));
      continue;
    }
    restoreClock(config, resource, clock, ends ?? at.monotonic + node.limitsOf(config).holdoverMs);
    if (resource !== 'lockState' || (process !== 'ptp4l' && process !== 'ts2phc')) continue;
    if (lastLineMs < (newestSource.get(clock.config) ?? 0)) continue;
    newestSource.set(clock.config, lastLineMs);
    config.offsetSource ??= process;
  }
}

function restoreClock(config: Configuration, resource: Resource, view: ClockView, holdoverEndsMs: number): void {
  const { iface, device, since } = view;
  switch (resource) {
    case 'lockState':
      return fill(slotOf(config, view), view, holdoverEndsMs);
    case 'clockClass':
      config.clockClass ??= { process: view.process, clockClass: Number(view.word), since, lastLine: undefined };
      return;
    case 'gnssSyncStatus':
      if (config.gnss.has(iface)) return;
      config.gnss.set(iface, {
        kind: 'gnss',
        config: config.name,
        iface,
        fix: view.fix,
        listedFix: undefined,
        offsetNs: view.offsetNs,
        state: view.lock ?? 'FREERUN',
        word: view.word as GnssWord,
        since,
        lastLine: undefined,
        stamp: 0,
      });
      return;
    case 'synceLockState': {
      const record = recordOf(config, iface, device);
      if (record === undefined || record.state !== undefined) return;
      record.networkOption = view.networkOption ?? record.networkOption;
      record.state = view.word as ClockState;
      record.since = since;
      return;
    }
    case 'synceClockQuality': {
      const record = recordOf(config, iface, device);
      if (record === undefined || record.ql !== undefined) return;
      const [ql, extQl] = view.word.split('/').map(Number);
      record.ql = ql;
      record.extQl = extQl === NO_EXTENDED_QL ? undefined : extQl;
      record.qualitySince = since;
      return;
    }
    case 'osClockSyncState':
    case 'syncState':
      return;
  }
}

function slotOf(config: Configuration, { process, iface }: ClockView): Clock | undefined {
  switch (process) {
    case 'ptp4l':
      return (config.ptp4l ??= new Clock(process, config.name, iface));
    case 'GM':
      return (config.grandmaster ??= new Clock(process, config.name, iface));
    case 'T-BC':
      return (config.boundary ??= new Clock(process, config.name, iface));
    case 'ts2phc':
      return config.ts2phcOf(iface);
    default:
      return undefined;
  }
}

function fill(clock: Clock | undefined, view: ClockView, holdoverEndsMs?: number): void {
  if (clock === undefined || clock.state !== undefined) return;
  clock.state = view.word as ClockState;
  clock.since = view.since;
  clock.offsetNs ??= view.offsetNs;
  clock.rememberedNs ??= view.rememberedNs;
  // Only a ptp4l clock's holdover ends by itself.
  if (clock.process === 'ptp4l' && view.word === 'HOLDOVER') clock.holdoverEndsMs = holdoverEndsMs;
}
