import { bus } from '../../shared/contract/bus.js';
import type { ClockState, Nanoseconds, Process } from '../parse/observation.js';
import type { Change } from './change.js';
import type { Clock, Instant } from './clock.js';
import type { Configuration } from './configuration.js';
import { grandmasterOffset } from './grandmaster.js';
import type { NodeClocks } from './nodeClocks.js';
import { NO_EXTENDED_QL } from './synce.js';

export type Resource = Change['resource'];
export const RESOURCES = Object.keys(bus.resources) as Resource[];

/** A clock behind a resource as it is now: what CurrentState tells about it. */
export interface ClockView {
  config: string;
  process: Process;
  /** Empty for the one overall state. */
  iface: string;
  device: string;
  networkOption: number | undefined;
  /** The word of its events; see ptp.v1.Clock.state. */
  word: string;
  lock: ClockState | undefined;
  offsetNs: Nanoseconds | undefined;
  rememberedNs: Nanoseconds | undefined;
  fix: number | undefined;
  /** Wall clock, ms. */
  since: number;
  holdoverEndsMs: number | undefined;
  lastLine: Instant | undefined;
}

/** Every clock behind a resource that has a state. None: nothing is known (decision f). */
export function clocksOf(node: NodeClocks, resource: Resource): ClockView[] {
  const configs = [...node.configs.values()];
  switch (resource) {
    case 'lockState':
      return configs.flatMap((config) => config.lockClocks().flatMap((clock) => viewOf(clock, config)));
    case 'osClockSyncState':
      return node.os.shown ? viewOf(node.os.shown) : [];
    case 'syncState':
      return node.countingClocks().flatMap((clock) => viewOf(clock));
    case 'clockClass':
      return configs.flatMap(clockClassView);
    case 'gnssSyncStatus':
      return configs.flatMap(gnssViews);
    case 'synceLockState':
    case 'synceClockQuality':
      return configs.flatMap((config) => synceViews(config, resource));
  }
}

const NOTHING = {
  device: '',
  networkOption: undefined,
  lock: undefined,
  offsetNs: undefined,
  rememberedNs: undefined,
  fix: undefined,
  holdoverEndsMs: undefined,
};

function viewOf(clock: Clock, config?: Configuration): ClockView[] {
  const { process, iface, state, rememberedNs, since, holdoverEndsMs, lastLine } = clock;
  if (state === undefined) return [];
  const offsetNs = (process === 'GM' && config ? grandmasterOffset(config) : clock.offsetNs) ?? rememberedNs;
  return [
    {
      config: clock.config,
      process,
      iface,
      device: '',
      networkOption: undefined,
      word: state,
      lock: state,
      offsetNs,
      rememberedNs,
      fix: undefined,
      since,
      holdoverEndsMs,
      lastLine,
    },
  ];
}

function clockClassView(config: Configuration): ClockView[] {
  const iface = config.mainInterface();
  if (config.clockClass === undefined || iface === undefined) return [];
  const { process, clockClass, since, lastLine } = config.clockClass;
  return [{ ...NOTHING, config: config.name, process, iface, word: String(clockClass), since, lastLine }];
}

function gnssViews(config: Configuration): ClockView[] {
  return [...config.gnss.values()].map(({ iface, word, state, offsetNs, fix, since, lastLine }) => ({
    ...NOTHING,
    config: config.name,
    process: 'gnss',
    iface,
    word,
    lock: state,
    offsetNs,
    fix,
    since,
    lastLine,
  }));
}

function synceViews(config: Configuration, resource: 'synceLockState' | 'synceClockQuality'): ClockView[] {
  return [...config.synce.values()].flatMap((record): ClockView[] => {
    const { iface, device, networkOption, ql, extQl } = record;
    const whose = { ...NOTHING, config: config.name, process: 'synce4l' as const, iface, device, networkOption };
    if (resource === 'synceLockState') {
      if (record.state === undefined) return [];
      return [{ ...whose, word: record.state, lock: record.state, since: record.since, lastLine: record.lastLine }];
    }
    if (ql === undefined) return [];
    const word = `${ql}/${extQl ?? NO_EXTENDED_QL}`;
    return [{ ...whose, word, since: record.qualitySince, lastLine: record.lastQualityLine }];
  });
}
