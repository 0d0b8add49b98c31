import ipaddr from 'ipaddr.js';

/** `cluster`: no loopback, no link-local; `local`: loopback is allowed, for a sidecar and for local runs. */
export type EndpointPolicy = 'cluster' | 'local';

/** Ordinary addresses: of pods, services and the outside world. */
const ALLOWED = new Set(['unicast', 'private', 'uniqueLocal', 'carrierGradeNat']);

/** An endpoint that must not be called. */
export class EndpointRefused extends Error {
  override name = 'EndpointRefused';
}

/**
 * Whether the gateway may connect to an address. Refused are loopback (but for `local`), link-local (cloud metadata
 * services live there), multicast, unspecified and reserved ranges; an IPv4 address inside an IPv6 one is judged as
 * what it is, and translation prefixes, which could hide one, are refused.
 * @param address literal IPv4 or IPv6 address
 */
export function isAddressAllowed(address: string, policy: EndpointPolicy): boolean {
  if (!ipaddr.isValid(address)) return false;
  const range = ipaddr.process(address).range();
  return ALLOWED.has(range) || (policy === 'local' && range === 'loopback');
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
    throw new TypeError(`"${text}" is no URL, for example http://consumer.example.com:9090/event`, { cause: err });
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new TypeError(`endpointUri must be http or https, got ${url.protocol}//`);
  }
  if (url.username !== '' || url.password !== '') throw new TypeError('endpointUri must not carry a user or password');
  url.hash = '';
  const literal = literalAddress(url.hostname);
  if (literal !== undefined) checkAddress(literal, policy);
  return url;
}

/** Throws EndpointRefused for an address that the policy forbids. */
export function checkAddress(address: string, policy: EndpointPolicy): void {
  if (!isAddressAllowed(address, policy)) {
    throw new EndpointRefused(
      `the endpoint policy "${policy}" forbids requests to ${address}: loopback${policy === 'local' ? ' is allowed,' : ','} ` +
        'link-local, multicast and reserved addresses are not',
    );
  }
}

/** The address when a URL's host is one (the URL parser has made 127.1 and 0x7f000001 plain by then). */
export function literalAddress(hostname: string): string | undefined {
  const host = hostname.replace(/^\[|\]$/g, '');
  return ipaddr.isValid(host) ? host : undefined;
}
