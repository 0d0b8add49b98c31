import type { Value } from '../../shared/messages.js';
import type { ClockChange } from '../state/change.js';
import type { ClockView } from '../state/view.js';
import { clockAddress, type Names } from './names.js';
import { stateAndOffset } from './values.js';

/** lock-state: one clock of ptp4l, ts2phc, GM or T-BC. */
export const lockStateValues = ({ iface, state, offsetNs }: ClockChange, names: Names): Value[] =>
  stateAndOffset(clockAddress(names, iface), state, offsetNs);

export const lockStateNow = ({ iface, word, offsetNs }: ClockView, names: Names): Value[] =>
  stateAndOffset(clockAddress(names, iface), word, offsetNs);
