import type { KV } from '@nats-io/kv';
import { NoRespondersError, RequestError, TimeoutError, type Msg, type NatsConnection } from '@nats-io/transport-node';
import type { CurrentState, NodeState, ResourceState } from '../shared/messages.js';
import { isNodeToken, nodeOfToken, nodeToken, querySubject } from '../shared/subjects.js';

/** A node answers from memory; one that takes longer is taken for gone. */
const QUERY_MS = 500;

/** What is known of a resource now. */
export type StateAnswer =
  | { kind: 'current'; state: ResourceState; asOf: string }
  /** The node does not answer, or does not vouch for what it last knew. */
  | { kind: 'stale'; reason: string; last: { data: ResourceState['data']; time: string } | undefined }
  /** Nothing was ever known. */
  | { kind: 'unknown' };

/** Asks nodes for their state, and falls back on what they last wrote down. */
export class States {
  readonly #broker: NatsConnection;
  readonly #written: KV;

  constructor(broker: NatsConnection, written: KV) {
    this.#broker = broker;
    this.#written = written;
  }

  /** Rejects when the broker is away. */
  async current(node: string, path: string): Promise<StateAnswer> {
    const reply = await this.#ask(node, path);
    if (reply === undefined) return this.#lastWritten(node, path);
    if (Number(reply.headers?.get('Nats-Service-Error-Code') || 0) === 404) return { kind: 'unknown' };
    const { state, asOf, vouchedFor, reason } = reply.json<CurrentState>();
    if (vouchedFor) return { kind: 'current', state, asOf };
    return {
      kind: 'stale',
      reason: reason ?? 'the node does not vouch for it',
      last: { data: state.data, time: heardAt(state, asOf) },
    };
  }

  /** The nodes that have ever written down a state. Rejects when the broker is away. */
  async nodes(): Promise<string[]> {
    const nodes: string[] = [];
    for await (const key of await this.#written.keys()) if (isNodeToken(key)) nodes.push(nodeOfToken(key));
    return nodes;
  }

  async #ask(node: string, path: string): Promise<Msg | undefined> {
    try {
      return await this.#broker.request(querySubject(node, path), '', { timeout: QUERY_MS });
    } catch (err) {
      const isSilent =
        err instanceof TimeoutError ||
        err instanceof NoRespondersError ||
        (err instanceof RequestError && err.isNoResponders());
      if (isSilent) return undefined;
      throw err;
    }
  }

  async #lastWritten(node: string, path: string): Promise<StateAnswer> {
    const entry = await this.#written.get(nodeToken(node));
    if (entry === null || entry.operation !== 'PUT') return { kind: 'unknown' };
    const { resources, writtenAt } = entry.json<NodeState>();
    const state = resources.find(({ resource }) => resource === path);
    if (state === undefined) return { kind: 'unknown' };
    return {
      kind: 'stale',
      reason: `node ${node} does not answer`,
      last: { data: state.data, time: heardAt(state, writtenAt) },
    };
  }
}

/** When the node last heard anything of the clocks behind a resource. */
function heardAt({ clocks }: ResourceState, otherwise: string): string {
  const times = clocks.map(({ lastLineAt }) => lastLineAt).filter((time) => time !== undefined);
  return times.toSorted()[0] ?? otherwise;
}
