import type { KV } from '@nats-io/kv';
import { NoRespondersError, RequestError, TimeoutError, type Msg, type NatsConnection } from '@nats-io/transport-node';
import { isBelievableSequence } from '../shared/believable.js';
import { dataMistake, resourceOfPath } from '../shared/eventData.js';
import { BadMessage, parseMessage } from '../shared/messageChecks.js';
import type { CurrentState, NodeState, ResourceState } from '../shared/messages.js';
import { isNodeToken, nodeOfToken, nodeToken, querySubject } from '../shared/subjects.js';
import { isErased } from './bucket.js';
import type { Unreadable } from './unreadable.js';

/** A node answers from memory; one that takes longer is taken for gone. */
const QUERY_MS = 500;

/** What is known of a resource now. */
export type StateAnswer =
  | { kind: 'current'; state: ResourceState; asOf: string }
  /** The node does not answer, or does not vouch for what it last knew. */
  | { kind: 'stale'; reason: string; last: { data: ResourceState['data']; time: string } | undefined }
  /** Nothing was ever known. */
  | { kind: 'unknown' };

interface StatesDeps {
  unreadable: Unreadable;
  now: () => number;
}

/** Asks nodes for their state, and falls back on what they last wrote down. */
export class States {
  readonly #broker: NatsConnection;
  readonly #written: KV;
  readonly #unreadable: Unreadable;
  readonly #now: () => number;

  constructor(broker: NatsConnection, written: KV, { unreadable, now }: StatesDeps) {
    this.#broker = broker;
    this.#written = written;
    this.#unreadable = unreadable;
    this.#now = now;
  }

  /** Rejects when the broker is away. */
  async current(node: string, path: string): Promise<StateAnswer> {
    const reply = await this.#ask(node, path);
    if (reply === undefined) return this.#lastWritten(node, path, 'does not answer');
    if (Number(reply.headers?.get('Nats-Service-Error-Code') || 0) === 404) return { kind: 'unknown' };
    const answer = this.#readAnswer(reply, node, path);
    if (answer === undefined) return this.#unreadableAnswer(node, path);
    const { state, asOf, vouchedFor, reason } = answer;
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

  /** Anybody may have answered: it has to be a state of this very resource. */
  #readAnswer({ data }: Msg, node: string, path: string): CurrentState | undefined {
    try {
      const answer = parseMessage('CurrentState', data);
      checkState(answer.state, path);
      const { lastEvent } = answer.state;
      if (lastEvent && !isBelievableSequence(lastEvent.sequence, this.#now())) {
        throw new BadMessage(`sequence ${lastEvent.sequence} is days beyond the time in ms`);
      }
      return answer;
    } catch (err) {
      if (!(err instanceof BadMessage)) throw err;
      this.#unreadable.note('answer', { node, path, reason: err.message });
      return undefined;
    }
  }

  /** Somebody is there, and may say something better the next time. */
  async #unreadableAnswer(node: string, path: string): Promise<StateAnswer> {
    const why = 'answered what is no state';
    const written = await this.#lastWritten(node, path, why);
    return written.kind === 'unknown' ? { kind: 'stale', reason: `node ${node} ${why}`, last: undefined } : written;
  }

  async #lastWritten(node: string, path: string, why: string): Promise<StateAnswer> {
    const entry = await this.#written.get(nodeToken(node));
    if (entry === null || isErased(entry)) return { kind: 'unknown' };
    const written = this.#readWritten(entry.value, node, path);
    if (written === undefined) return { kind: 'unknown' };
    const { state, writtenAt } = written;
    return {
      kind: 'stale',
      reason: `node ${node} ${why}`,
      last: { data: state.data, time: heardAt(state, writtenAt) },
    };
  }

  #readWritten(value: Uint8Array, node: string, path: string): { state: ResourceState; writtenAt: string } | undefined {
    try {
      const { resources, writtenAt } = readNodeState(value, node);
      const state = resources.find(({ resource }) => resource === path);
      if (state === undefined) return undefined;
      checkState(state, path);
      return { state, writtenAt };
    } catch (err) {
      if (!(err instanceof BadMessage)) throw err;
      this.#unreadable.note('state', { node, path, reason: err.message });
      return undefined;
    }
  }
}

/** A value of ptp_states. Throws BadMessage. */
export function readNodeState(value: Uint8Array, node: string): NodeState {
  const state = parseMessage('NodeState', value);
  if (state.node !== node) throw new BadMessage(`it is about ${state.node}`);
  return state;
}

/** Throws BadMessage when it is not about this resource, or when its data are not such as its events have. */
function checkState({ resource, type, data }: ResourceState, path: string): void {
  const described = resourceOfPath(path);
  if (resource !== path || type !== described?.type) throw new BadMessage(`it is no state of ${path}`);
  const mistake = dataMistake(data, described);
  if (mistake !== undefined) throw new BadMessage(`state.data ${mistake}`);
}

/** When the node last heard anything of the clocks behind a resource. */
function heardAt({ clocks }: ResourceState, otherwise: string): string {
  const times = clocks.map(({ lastLineAt }) => lastLineAt).filter((time) => time !== undefined);
  return times.toSorted()[0] ?? otherwise;
}
