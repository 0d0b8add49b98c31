import type { EventData, Value } from '../../shared/messages.js';
import type { Change } from '../state/change.js';
import { clockClassValues } from './clockClass.js';
import { gnssValues } from './gnss.js';
import { lockStateValues } from './lockState.js';
import type { Names } from './names.js';
import { osClockValues } from './osClock.js';
import { synceQualityValues, synceStateValues } from './synce.js';
import { syncStateValues } from './syncState.js';
import { eventData } from './values.js';

/** What the event of a change says. Each kind of event is made here and nowhere else. */
export const dataOf = (change: Change, names: Names): EventData => eventData(valuesOf(change, names));

function valuesOf(change: Change, names: Names): Value[] {
  switch (change.resource) {
    case 'lockState':
      return lockStateValues(change, names);
    case 'osClockSyncState':
      return osClockValues(change, names);
    case 'syncState':
      return syncStateValues(change, names);
    case 'clockClass':
      return clockClassValues(change, names);
    case 'gnssSyncStatus':
      return gnssValues(change, names);
    case 'synceLockState':
      return synceStateValues(change, names);
    case 'synceClockQuality':
      return synceQualityValues(change, names);
  }
}
