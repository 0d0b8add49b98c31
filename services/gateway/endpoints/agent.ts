import { lookup, type LookupAddress, type LookupAllOptions, type LookupOptions } from 'node:dns';
import { Agent, buildConnector, Pool, type Dispatcher } from 'undici';
import type { Target } from './allow.js';
import { follow } from './connection.js';
import { CONNECT_MS, type FailureKind } from './failure.js';
import { MAX_HEADER_BYTES } from './finalAnswer.js';
import { checkAddress, literalAddress, targetOf, type EndpointPolicy } from './policy.js';

/** A connection that is not used for so long is closed. */
const IDLE_MS = 30_000;

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
  /** A request got no answer. */
  onUnanswered?: (why: FailureKind) => void;
}

/** The HTTP client for endpoints. */
export class EndpointAgent {
  readonly #agent: Agent;
  readonly #fresh: Agent;
  /** A request got no answer. */
  readonly unanswered: (why: FailureKind) => void;

  /** @param options of all its connections */
  constructor(options: Agent.Options, unanswered: (why: FailureKind) => void = () => {}) {
    this.unanswered = unanswered;
    this.#agent = new Agent({ pipelining: 1, ...options });
    this.#fresh = new Agent({ ...options, pipelining: 0 });
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#agent.dispatch(options, handler);
  }

  /** On a connection of its own, which is closed afterwards. */
  dispatchFresh(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#fresh.dispatch(options, handler);
  }

  /** Ends all requests and connections. */
  async destroy(): Promise<void> {
    await Promise.all([this.#agent.destroy(), this.#fresh.destroy()]);
  }
}

/**
 * The client for endpoints that a policy allows. It is applied to every address at the moment of connecting, and the
 * connection goes to the addresses that were judged: a name that resolves to something else later is caught as well.
 * Redirects are not followed.
 * @param perOrigin connections to one origin at most
 */
export function endpointAgent(policy: EndpointPolicy, perOrigin: number, hooks: AgentHooks = {}): EndpointAgent {
  return new EndpointAgent(optionsOf(policy, perOrigin, hooks), hooks.onUnanswered);
}

/**
 * A client like that, for requests that may leave no trace: no hook hears of them, and each connection is closed after one.
 */
export const discreetAgent = (policy: EndpointPolicy, perOrigin: number): EndpointAgent =>
  new EndpointAgent({ ...optionsOf(policy, perOrigin, {}), pipelining: 0 });

function optionsOf(policy: EndpointPolicy, perOrigin: number, hooks: AgentHooks): Agent.Options {
  return {
    connections: perOrigin,
    keepAliveTimeout: IDLE_MS,
    headersTimeout: 0,
    bodyTimeout: 0,
    maxHeaderSize: MAX_HEADER_BYTES,
    factory: (origin, pool: Pool.Options) =>
      new Pool(origin, { ...pool, connect: judgedConnector(new URL(String(origin)), policy, hooks) }),
  };
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
        follow(socket, onReused);
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
