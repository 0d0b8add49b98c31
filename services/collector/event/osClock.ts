import type { Value } from '../../shared/messages.js';
import type { ClockChange } from '../state/change.js';
import type { ClockView } from '../state/view.js';
import { osClockAddress, type Names } from './names.js';
import { stateAndOffset } from './values.js';

/** os-clock-sync-state: CLOCK_REALTIME. */
export const osClockValues = ({ state, offsetNs }: ClockChange, names: Names): Value[] =>
  stateAndOffset(osClockAddress(names), state, offsetNs);

export const osClockNow = ({ word, offsetNs }: ClockView, names: Names): Value[] =>
  stateAndOffset(osClockAddress(names), word, offsetNs);
