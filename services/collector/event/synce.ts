import type { Value } from '../../shared/messages.js';
import type { SynceQualityChange, SynceStateChange } from '../state/change.js';
import type { ClockView } from '../state/view.js';
import type { Names } from './names.js';
import { metric } from './values.js';

const address = ({ node }: Names, device: string, iface: string): string => `/cluster/node/${node}/${device}/${iface}`;

/** synce lock-state: consumers expect the word as a metric value, as the reference sends it. */
export const synceStateValues = ({ iface, device, state }: SynceStateChange, names: Names): Value[] => [
  metric(address(names, device, iface), state),
];

export const synceStateNow = ({ iface, device, word }: ClockView, names: Names): Value[] => [
  metric(address(names, device, iface), word),
];

/** synce clock-quality: the quality level and the extended one, 255 where there is none. */
export const synceQualityValues = ({ iface, device, ql, extQl }: SynceQualityChange, names: Names): Value[] => [
  metric(`${address(names, device, iface)}/Ql`, ql),
  metric(`${address(names, device, iface)}/extQl`, extQl),
];

export function synceQualityNow({ iface, device, word }: ClockView, names: Names): Value[] {
  const [ql = '', extQl = ''] = word.split('/');
  return [metric(`${address(names, device, iface)}/Ql`, ql), metric(`${address(names, device, iface)}/extQl`, extQl)];
}
