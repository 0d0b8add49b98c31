import ipaddr from 'ipaddr.js';
import { excerpt } from '../../shared/excerpt.js';
import { destinations, plainAddress, type Address } from './embedded.js';
import { allowsAddress, allowsTarget, mayAllowAddress, type Allowed, type Target } from './allow.js';

/** Which endpoints may be called. */
export interface EndpointPolicy {
  /** `cluster`: no loopback, no link-local; `local`: loopback is allowed, for a sidecar and for local runs. */
  kind: 'cluster' | 'local';
  /** The operator's list (ENDPOINT_ALLOW); when there is one, only what it names is allowed. */
  allow?: readonly Allowed[];
}

/** Ordinary addresses: of pods, services and the outside world. */
const ORDINARY = new Set(['unicast', 'private', 'uniqueLocal', 'carrierGradeNat']);

/** No list can allow these: addresses of nobody in particular, and of everybody on the link. */
const NEVER = new Set(['unspecified', 'broadcast', 'multicast', 'linkLocal']);

/** Metadata services of clouds that are not link-local: they give credentials to whoever asks. */
const METADATA = new Set([
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
  'fd00:ec2::254',
  'fd00:ec2::23',
  'fd20:ce::254',
  'fd00:c1::a9fe:a9fe',
  'fd00:42::42',
]);

/** An endpoint that must not be called. */
export class EndpointRefused extends Error {
  override name = 'EndpointRefused';

  /** Without the address that the name has: not everybody who asks need know it. */
  static ofName({ host }: URL): EndpointRefused {
    return new EndpointRefused(`the endpoint policy forbids requests to the address of ${excerpt(host)}`);
  }
}

/**
 * Whether the gateway may connect to an address. Refused are loopback (but for `local`), multicast, unspecified and
 * reserved ranges, unless the operator's list has the address itself; link-local and metadata services always.
 * An IPv6 address that stands for an IPv4 one is judged as that one; where it may stand for several, all must be allowed.
 * @param address literal IPv4 or IPv6 address
 */
export function isAddressAllowed(address: string, target: Target, { kind, allow }: EndpointPolicy): boolean {
  if (!ipaddr.isValid(address)) return false;
  const plain = plainAddress(address);
  const ends = destinations(plain);
  if ([plain, ...ends].some(isNever)) return false;
  const isListed = (one: Address): boolean => allow !== undefined && allowsAddress(allow, one, target);
  if (ends.every(isListed)) return true;
  const isOrdinary = ends.every((one) => ORDINARY.has(one.range()) || (kind === 'local' && one.range() === 'loopback'));
  return isOrdinary && (allow === undefined || isListed(plain) || allowsTarget(allow, target));
}

const isNever = (address: Address): boolean => NEVER.has(address.range()) || METADATA.has(address.toString());

/** Throws EndpointRefused for an address that must not be connected to. */
export function checkAddress(address: string, target: Target, policy: EndpointPolicy): void {
  if (!isAddressAllowed(address, target, policy)) {
    throw refused(address === target.host ? address : `${target.host} at ${address}`, target, policy);
  }
}

/**
 * Reads an endpoint as a client wrote it: an absolute http or https URL without user, password and fragment, whose
 * host is a name or an allowed address. Throws TypeError for what is no such URL, EndpointRefused for a forbidden one.
 */
export function parseEndpoint(text: string, policy: EndpointPolicy): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch (err) {
    throw new TypeError(`"${excerpt(text)}" is no URL, for example http://consumer.example.com:9090/event`, {
      cause: err,
    });
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new TypeError(`endpointUri must be http or https, got ${excerpt(url.protocol)}//`);
  }
  if (url.username !== '' || url.password !== '') throw new TypeError('endpointUri must not carry a user or password');
  url.hash = '';
  checkTarget(url, policy);
  return url;
}

/** What can be said before a name is looked up. */
function checkTarget(url: URL, policy: EndpointPolicy): void {
  const target = targetOf(url);
  const { allow } = policy;
  if (literalAddress(url.hostname) !== undefined) checkAddress(target.host, target, policy);
  else if (allow !== undefined && !allowsTarget(allow, target) && !mayAllowAddress(allow, target)) {
    throw refused(target.host, target, policy);
  }
}

/** Host and port that a URL is about. */
export const targetOf = ({ protocol, hostname, port }: URL): Target => ({
  host: hostname.replace(/^\[|\]$/g, '').replace(/\.$/, ''),
  port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
});

/** The address when a URL's host is one (the URL parser has made 127.1 and 0x7f000001 plain by then). */
export function literalAddress(hostname: string): string | undefined {
  const host = hostname.replace(/^\[|\]$/g, '');
  return ipaddr.isValid(host) ? host : undefined;
}

function refused(what: string, { port }: Target, { kind, allow }: EndpointPolicy): EndpointRefused {
  const why =
    allow === undefined
      ? `loopback${kind === 'local' ? ' is allowed,' : ','} link-local, metadata, multicast and reserved addresses are not`
      : 'only what ENDPOINT_ALLOW names is allowed, and link-local and metadata addresses never are';
  return new EndpointRefused(
    `the endpoint policy "${kind}" forbids requests to ${excerpt(what)}, port ${port}: ${why}`,
  );
}
