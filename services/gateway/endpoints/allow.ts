import ipaddr from 'ipaddr.js';
import { excerpt } from '../../shared/excerpt.js';

/** One entry of ENDPOINT_ALLOW; what it does not name may be anything. */
export interface Allowed {
  /** Addresses, also ones that the policy alone would forbid. */
  range?: [ipaddr.IPv4 | ipaddr.IPv6, number];
  /** This host and all below it. */
  host?: string;
  port?: number;
}

/** Where a request goes, as far as its URL says. */
export interface Target {
  /** Host of the URL, without brackets. */
  host: string;
  port: number;
}

const ENTRY =
  /^(?:\[(?<v6>[^\]]+)\]|(?<host>[^:]*)|(?<bare>[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(?:\/\d+)?))(?::(?<port>\d{1,5}))?$/;
const HOST = /^\.?[a-z0-9-]+(\.[a-z0-9-]+)*$/;

/**
 * Reads ENDPOINT_ALLOW: entries with commas between them, each a CIDR or an address, a host name (which stands for
 * all below it too), or nothing, and `:port` where only one is meant; IPv6 with a port in brackets.
 * Throws TypeError that names the entry.
 */
export const parseAllow = (text: string): Allowed[] => text.split(',').map((entry) => parseEntry(entry.trim()));

function parseEntry(entry: string): Allowed {
  const { v6, bare, host = v6 ?? bare ?? '', port } = ENTRY.exec(entry)?.groups ?? {};
  const number = port === undefined ? undefined : Number(port);
  const what = addressOrHost(host.toLowerCase());
  if (what === undefined || number === 0 || (number ?? 1) > 65_535 || (host === '' && number === undefined)) {
    throw new TypeError(
      `"${excerpt(entry)}" is no CIDR, host or port, for example 10.2.0.0/16, [fd00::/8]:9090, .example.com:443`,
    );
  }
  return { ...what, ...(number !== undefined && { port: number }) };
}

function addressOrHost(text: string): Allowed | undefined {
  if (text === '') return {};
  if (ipaddr.isValidCIDR(text)) return { range: ipaddr.parseCIDR(text) };
  if (ipaddr.isValid(text) && (text.includes(':') || ipaddr.IPv4.isValidFourPartDecimal(text))) {
    const address = ipaddr.parse(text);
    return { range: [address, address.kind() === 'ipv4' ? 32 : 128] };
  }
  const isName = HOST.test(text) && /[a-z]/.test(text);
  return isName ? { host: text.replace(/^\./, '') } : undefined;
}

/** Whether an entry names this very address. */
export const allowsAddress = (
  list: readonly Allowed[],
  address: ipaddr.IPv4 | ipaddr.IPv6,
  { port }: Target,
): boolean =>
  list.some(
    ({ range, port: only }) =>
      range !== undefined && isPort(only, port) && range[0].kind() === address.kind() && address.match(range),
  );

/** Whether an entry names this host or its port, whatever address that has. */
export const allowsTarget = (list: readonly Allowed[], { host, port }: Target): boolean =>
  list.some(
    ({ range, host: above, port: only }) =>
      range === undefined &&
      isPort(only, port) &&
      (above === undefined || host === above || host.endsWith(`.${above}`)),
  );

/** Whether a host could be allowed by its address, once that is known. */
export const mayAllowAddress = (list: readonly Allowed[], { port }: Target): boolean =>
  list.some(({ range, port: only }) => range !== undefined && isPort(only, port));

const isPort = (only: number | undefined, port: number): boolean => only === undefined || only === port;
