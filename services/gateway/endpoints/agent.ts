import { lookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { Agent, errors } from 'undici';
import { checkAddress, EndpointRefused, literalAddress, type EndpointPolicy } from './policy.js';

const CONNECT_MS = 3_000;
/** A connection that is not used for so long is closed. */
const IDLE_MS = 30_000;

type LookupCallback = (err: Error | null, address: string | LookupAddress[], family?: number) => void;

/**
 * The HTTP client for endpoints. The policy is applied to every address at the moment of connecting, so that a name
 * which resolves to something else later is caught as well. Redirects are not followed.
 */
export function endpointAgent(policy: EndpointPolicy, connections: number): Agent {
  const connector = new Agent({
    connections,
    pipelining: 1,
    keepAliveTimeout: IDLE_MS,
    headersTimeout: 0,
    bodyTimeout: 0,
    maxHeaderSize: 16_384,
    connect: {
      timeout: CONNECT_MS,
      lookup: (hostname: string, options: LookupOptions, callback: LookupCallback) =>
        allowedAddresses(hostname, options, policy, callback),
    },
  });
  // A literal address is connected to without a look-up.
  return connector.compose((dispatch) => (options, handler) => {
    const literal = literalAddress(new URL(String(options.origin)).hostname);
    if (literal !== undefined) checkAddress(literal, policy);
    return dispatch(options, handler);
  }) as Agent;
}

function allowedAddresses(
  hostname: string,
  options: LookupOptions,
  policy: EndpointPolicy,
  callback: LookupCallback,
): void {
  lookup(hostname, { ...options, all: true }, (err, addresses) => {
    if (err) return callback(err, []);
    try {
      for (const { address } of addresses) checkAddress(address, policy);
    } catch (refused) {
      return callback(refused as Error, []);
    }
    const [first] = addresses;
    if (options.all || first === undefined) return callback(null, addresses);
    return callback(null, first.address, first.family);
  });
}

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
  };
  return known[code ?? ''] ?? (code ?? message).slice(0, 200);
}
