import { CLOCK_REALTIME } from '../state/clock.js';

/** How interfaces are called outside the node. */
export interface Names {
  node: string;
  /** Alias of an interface: from the daemon where it told one, else masked. */
  alias: (iface: string) => string;
}

/** Masks an interface name: its last character, before a VLAN suffix, becomes x. ens1f0.100 → ens1fx.100 */
export function maskInterface(iface: string): string {
  const dot = iface.indexOf('.');
  const end = dot < 0 ? iface.length : dot;
  return end === 0 ? iface : `${iface.slice(0, end - 1)}x${iface.slice(end)}`;
}

/** How metrics and addresses call the interface of a clock; CLOCK_REALTIME is none and keeps its name. */
export const clockAlias = ({ alias }: Names, iface: string): string =>
  iface === CLOCK_REALTIME ? iface : alias(iface);

/** `/cluster/node/<node>/<alias>/master`; never with `//`, where an alias begins with a slash (/dev/ptpx). */
export const clockAddress = ({ node, alias }: Names, iface: string): string => {
  const name = alias(iface);
  return `/cluster/node/${node}${name.startsWith('/') ? '' : '/'}${name}/master`;
};

export const osClockAddress = ({ node }: Names): string => `/cluster/node/${node}/CLOCK_REALTIME`;
