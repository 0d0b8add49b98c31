import type { Process } from '../parse/observation.js';
import type { Change } from './change.js';
import { CLOCK_REALTIME } from './clock.js';
import type { ClockView, Resource } from './view.js';

/**
 * Which clock of a resource: what stays the same over all its changes. A ptp4l, GM or T-BC clock belongs to its
 * configuration and may move from port to port; CLOCK_REALTIME is one, whoever steers it (decision m); the others are one
 * per interface.
 */
export function clockKey(
  resource: Resource,
  { config, process, iface, device }: Pick<ClockView, 'config' | 'process' | 'iface' | 'device'>,
): string {
  switch (resource) {
    case 'syncState':
      return resource;
    case 'osClockSyncState':
      return `${resource} ${CLOCK_REALTIME}`;
    case 'clockClass':
      return `${resource} ${config}`;
    case 'lockState':
      return `${resource} ${config} ${process} ${process === 'ts2phc' ? iface : ''}`;
    case 'gnssSyncStatus':
    case 'synceLockState':
    case 'synceClockQuality':
      return `${resource} ${config} ${iface} ${device}`;
  }
}

export function changeKey(change: Change): string {
  const { resource } = change;
  if (resource === 'syncState') return resource;
  const process: Process = 'process' in change ? change.process : 'gnss';
  const device = 'device' in change ? change.device : '';
  return clockKey(resource, { config: change.config, process, iface: change.iface, device });
}

/** The word of its events; see ptp.v1.Clock.state. */
export function changeWord(change: Change): string {
  switch (change.resource) {
    case 'lockState':
    case 'osClockSyncState':
    case 'syncState':
    case 'synceLockState':
      return change.state;
    case 'clockClass':
      return String(change.clockClass);
    case 'gnssSyncStatus':
      return change.word;
    case 'synceClockQuality':
      return `${change.ql}/${change.extQl}`;
  }
}
