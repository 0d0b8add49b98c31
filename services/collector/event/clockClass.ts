import type { Value } from '../../shared/messages.js';
import type { ClockClassChange } from '../state/change.js';
import type { ClockView } from '../state/view.js';
import { clockAddress, type Names } from './names.js';
import { metric } from './values.js';

export const clockClassValues = ({ iface, clockClass }: ClockClassChange, names: Names): Value[] => [
  metric(clockAddress(names, iface), clockClass),
];

/** CurrentState names the value more exactly than the event does (row "Clock class"). */
export const clockClassNow = ({ iface, word }: ClockView, names: Names): Value[] => [
  metric(`${clockAddress(names, iface)}/CLOCK_CLASS`, word),
];
