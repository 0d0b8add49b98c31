import type { SynceQualitySeen, SynceStateSeen } from '../parse/observation.js';
import type { SynceQualityChange, SynceStateChange } from './change.js';
import type { Configuration, SynceRecord } from './configuration.js';
import type { Step } from './ptp4lClock.js';

/** What stands for an extended quality level that a line does not have. */
export const NO_EXTENDED_QL = 255;

/** Repeated lines are no changes; events tell changes only. */
export function hearSynceState(
  { iface, device, networkOption, state }: SynceStateSeen,
  { config, at }: Step,
): SynceStateChange | undefined | 'ignored' {
  const record = recordOf(config, iface, device);
  if (record === undefined) return 'ignored';
  record.networkOption = networkOption ?? record.networkOption;
  record.lastLine = at;
  if (record.state === state) return undefined;
  record.state = state;
  record.since = at.now;
  return { resource: 'synceLockState', config: config.name, iface, device, state };
}

export function hearSynceQuality(
  { iface, device, networkOption, ql, extQl }: SynceQualitySeen,
  { config, at }: Step,
): SynceQualityChange | undefined | 'ignored' {
  const record = recordOf(config, iface, device);
  if (record === undefined) return 'ignored';
  record.networkOption = networkOption ?? record.networkOption;
  record.lastQualityLine = at;
  if (record.ql === ql && record.extQl === extQl) return undefined;
  record.ql = ql;
  record.extQl = extQl;
  record.qualitySince = at.now;
  return { resource: 'synceClockQuality', config: config.name, iface, device, ql, extQl: extQl ?? NO_EXTENDED_QL };
}

export function recordOf(config: Configuration, iface: string, device: string): SynceRecord | undefined {
  const key = `${iface} ${device}`;
  if (!config.hasRoomFor(config.synce, key)) return undefined;
  let record = config.synce.get(key);
  if (record === undefined) {
    record = {
      iface,
      device,
      networkOption: 1,
      state: undefined,
      since: 0,
      ql: undefined,
      extQl: undefined,
      qualitySince: 0,
      lastLine: undefined,
      lastQualityLine: undefined,
    };
    config.synce.set(key, record);
  }
  return record;
}
