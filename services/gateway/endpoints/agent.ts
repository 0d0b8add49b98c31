import { lookup, type LookupAddress, type LookupAllOptions, type LookupOptions } from 'node:dns';
import { Agent, buildConnector, errors, Pool } from 'undici';
import type { Target } from './allow.js';
import { checkAddress, EndpointRefused, literalAddress, targetOf, type EndpointPolicy } from './policy.js';

const CONNECT_MS = 3_000;
/** A connection that is not used for so long is closed. */
const IDLE_MS = 30_000;
/** Of an answer. */
const MAX_HEADER_BYTES = 16_384;

type LookupCallback = (err: Error | null, address: string | LookupAddress[], family?: number) => void;

/** Looks up all addresses of a name, as `dns.lookup` does. */
export type Resolve = (
  hostname: string,
  options: LookupAllOptions,
  callback: (err: Error | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * The HTTP client for endpoints. The policy is applied to every address at the moment of connecting, and the
 * connection goes to the addresses that were judged: a name that resolves to something else later is caught as well.
 * Redirects are not followed.
 * @param resolve a test's own resolver
 */
export function endpointAgent(policy: EndpointPolicy, connections: number, resolve: Resolve = lookup): Agent {
  return new Agent({
    connections,
    pipelining: 1,
    keepAliveTimeout: IDLE_MS,
    headersTimeout: 0,
    bodyTimeout: 0,
    maxHeaderSize: MAX_HEADER_BYTES,
    factory: (origin, options: Pool.Options) =>
      new Pool(origin, { ...options, connect: judgedConnector(new URL(String(origin)), policy, resolve) }),
  });
}

/** Connects to what the policy allows. A literal address is connected to without a look-up. */
function judgedConnector(origin: URL, policy: EndpointPolicy, resolve: Resolve): buildConnector.connector {
  const target = targetOf(origin);
  const connect = buildConnector({ timeout: CONNECT_MS, lookup: judgedLookup(target, policy, resolve) });
  const literal = literalAddress(origin.hostname);
  return (options, callback) => {
    try {
      if (literal !== undefined) checkAddress(literal, target, policy);
    } catch (refused) {
      return callback(refused as Error, null);
    }
    return connect(options, callback);
  };
}

/** A look-up that fails when a single one of the addresses is forbidden. */
const judgedLookup =
  (target: Target, policy: EndpointPolicy, resolve: Resolve) =>
  (hostname: string, options: LookupOptions, callback: LookupCallback): void => {
    resolve(hostname, { ...options, all: true }, (err, addresses) => {
      if (err) return callback(err, []);
      try {
        for (const { address } of addresses) checkAddress(address, target, policy);
      } catch (refused) {
        return callback(refused as Error, []);
      }
      const [first] = addresses;
      if (options.all || first === undefined) return callback(null, addresses);
      return callback(null, first.address, first.family);
    });
  };

/** Why a request failed, in words for a log or a caller; never what the other side said. */
export function errorReason(err: unknown): string {
  if (err instanceof EndpointRefused) return err.message;
  if (err instanceof errors.ConnectTimeoutError) return `no connection within ${CONNECT_MS} ms`;
  const { code, message } = err as NodeJS.ErrnoException;
  const known: Record<string, string> = {
    ECONNREFUSED: 'connection refused',
    ECONNRESET: 'connection reset',
    ENOTFOUND: 'host name not found',
    EAI_AGAIN: 'host name could not be looked up',
    EHOSTUNREACH: 'host unreachable',
    ENETUNREACH: 'network unreachable',
    UND_ERR_SOCKET: 'connection closed by the other side',
    ETIMEDOUT: 'connection timed out',
    UND_ERR_ABORTED: 'aborted',
    UND_ERR_HEADERS_OVERFLOW: 'headers too long',
  };
  return known[code ?? ''] ?? (code ?? message).slice(0, 200);
}
