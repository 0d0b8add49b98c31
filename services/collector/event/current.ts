import type { EventData, Value } from '../../shared/messages.js';
import type { NodeClocks } from '../state/nodeClocks.js';
import { worstOf } from '../state/overall.js';
import { clocksOf, type ClockView, type Resource } from '../state/view.js';
import { clockClassNow } from './clockClass.js';
import { gnssNow } from './gnss.js';
import { lockStateNow } from './lockState.js';
import { clockAddress, osClockAddress, type Names } from './names.js';
import { osClockNow } from './osClock.js';
import { synceQualityNow, synceStateNow } from './synce.js';
import { syncStateValues } from './syncState.js';
import { eventData } from './values.js';

/** CurrentState of a resource: the values of all its clocks as of now, or undefined while nothing is known. */
export function currentData(node: NodeClocks, resource: Resource, names: Names): EventData | undefined {
  if (resource === 'syncState') {
    const state = worstOf(node.countingClocks());
    return state && eventData(syncStateValues({ state }, names));
  }
  const clocks = clocksOf(node, resource);
  return clocks.length === 0 ? undefined : eventData(clocks.flatMap((clock) => valuesNow(resource, clock, names)));
}

function valuesNow(resource: Exclude<Resource, 'syncState'>, clock: ClockView, names: Names): Value[] {
  switch (resource) {
    case 'lockState':
      return lockStateNow(clock, names);
    case 'osClockSyncState':
      return osClockNow(clock, names);
    case 'clockClass':
      return clockClassNow(clock, names);
    case 'gnssSyncStatus':
      return gnssNow(clock, names);
    case 'synceLockState':
      return synceStateNow(clock, names);
    case 'synceClockQuality':
      return synceQualityNow(clock, names);
  }
}

/** The address of a clock's values: its interface's, or CLOCK_REALTIME's. */
export const addressOf = ({ process, iface }: Pick<ClockView, 'process' | 'iface'>, names: Names): string =>
  process === 'phc2sys' || process === 'chronyd' ? osClockAddress(names) : clockAddress(names, iface);
