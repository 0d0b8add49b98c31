import type { Value } from '../../shared/messages.js';
import type { Nanoseconds } from '../parse/observation.js';
import type { GnssChange } from '../state/change.js';
import type { ClockView } from '../state/view.js';
import { clockAddress, type Names } from './names.js';
import { metric, stateAndOffset } from './values.js';

/** gnss-sync-status: the word, the offset and the fix kind. */
export const gnssValues = ({ iface, word, offsetNs, fix }: GnssChange, names: Names): Value[] =>
  values(clockAddress(names, iface), word, offsetNs, fix);

export const gnssNow = ({ iface, word, offsetNs, fix }: ClockView, names: Names): Value[] =>
  values(clockAddress(names, iface), word, offsetNs, fix);

function values(address: string, word: string, offsetNs: Nanoseconds | undefined, fix: number | undefined): Value[] {
  const state = stateAndOffset(address, word, offsetNs);
  return fix === undefined ? state : [...state, metric(`${address}/gpsFix`, fix)];
}
