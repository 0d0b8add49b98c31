import { subscribe } from 'node:diagnostics_channel';
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

interface AgentHooks {
  /** A test's own resolver. */
  resolve?: Resolve;
  /** A connection was opened. */
  onOpened?: () => void;
  /** A request is sent on a connection that was used before. */
  onReused?: () => void;
}

/** The connections of all agents: whether they were used, and whom to tell when they are used again. */
const connections = new WeakMap<object, { isUsed: boolean; onReused: (() => void) | undefined }>();

// Only here undici says which connection a request takes. Node's own fetch speaks on this channel too.
subscribe('undici:client:sendHeaders', (message) => {
  const connection = connections.get((message as { socket: object }).socket);
  if (connection === undefined) return;
  if (connection.isUsed) connection.onReused?.();
  connection.isUsed = true;
});

/**
 * The HTTP client for endpoints. The policy is applied to every address at the moment of connecting, and the
 * connection goes to the addresses that were judged: a name that resolves to something else later is caught as well.
 * Redirects are not followed.
 * @param perOrigin connections to one origin at most
 */
export function endpointAgent(policy: EndpointPolicy, perOrigin: number, hooks: AgentHooks = {}): Agent {
  return new Agent({
    connections: perOrigin,
    pipelining: 1,
    keepAliveTimeout: IDLE_MS,
    headersTimeout: 0,
    bodyTimeout: 0,
    maxHeaderSize: MAX_HEADER_BYTES,
    factory: (origin, options: Pool.Options) =>
      new Pool(origin, { ...options, connect: judgedConnector(new URL(String(origin)), policy, hooks) }),
  });
}

/** Connects to what the policy allows. A literal address is connected to without a look-up. */
function judgedConnector(
  origin: URL,
  policy: EndpointPolicy,
  { resolve = lookup, onOpened, onReused }: AgentHooks,
): buildConnector.connector {
  const target = targetOf(origin);
  const connect = buildConnector({ timeout: CONNECT_MS, lookup: judgedLookup(target, policy, resolve) });
  const literal = literalAddress(origin.hostname);
  return (options, callback) => {
    try {
      if (literal !== undefined) checkAddress(literal, target, policy);
    } catch (refused) {
      return callback(refused as Error, null);
    }
    return connect(options, (...result) => {
      const [, socket] = result;
      // On failure there is none, whatever the type says.
      if (socket) {
        connections.set(socket, { isUsed: false, onReused });
        onOpened?.();
      }
      callback(...result);
    });
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
