import type { NatsConnection } from '@nats-io/transport-node';
import { bus } from '../../shared/contract/bus.js';
import { isNodeName, querySubject } from '../../shared/subjects.js';

/** Collectors answer from memory. The last one has answered when nothing has come for `STALL_MS`. */
const ANSWER_MS = 500;
const STALL_MS = 100;
const MAX_ANSWER_BYTES = 16_384;
/** Nodes that are believed in one round, so that nobody fills the memory with answers. */
const MAX_NODES = 20_000;
/** Questions to nodes at a time. */
const ASKED_AT_ONCE = 64;

/**
 * The nodes whose collectors live. All are asked at once; a node that is known and has not answered that is asked for a state
 * of its own: without the right to ask all, that alone has to do.
 * @param known nodes that have ever written down a state
 */
export async function liveNodes(broker: NatsConnection, known: Iterable<string>): Promise<Set<string>> {
  const live = await answering(broker);
  const left = [...known].filter((node) => !live.has(node)).values();
  const askNext = async (): Promise<void> => {
    for (const node of left) if (await answers(broker, node)) live.add(node);
  };
  await Promise.all(Array.from({ length: ASKED_AT_ONCE }, askNext));
  return live;
}

async function answering(broker: NatsConnection): Promise<Set<string>> {
  const nodes = new Set<string>();
  try {
    const all = { strategy: 'stall', maxWait: ANSWER_MS, stall: STALL_MS } as const;
    for await (const { data } of await broker.requestMany(`$SRV.PING.${bus.services.collector}`, '', all)) {
      const node = nodeOf(data);
      if (node !== undefined && nodes.size < MAX_NODES) nodes.add(node);
    }
  } catch {
    // Nobody is there, or we may not ask them all.
  }
  return nodes;
}

/** Whether anybody answers questions to a node; what he says does not matter. */
async function answers(broker: NatsConnection, node: string): Promise<boolean> {
  try {
    await broker.request(querySubject(node, bus.resources.lockState.path), '', { timeout: ANSWER_MS });
    return true;
  } catch {
    return false;
  }
}

/** The node whose collector gave this answer; undefined when it is none of a collector. */
function nodeOf(answer: Uint8Array): string | undefined {
  if (answer.length > MAX_ANSWER_BYTES) return undefined;
  try {
    const { name, metadata } = (JSON.parse(Buffer.from(answer).toString('utf8')) ?? {}) as {
      name?: unknown;
      metadata?: { node?: unknown } | null;
    };
    const node = metadata?.node;
    return name === bus.services.collector && typeof node === 'string' && isNodeName(node) ? node : undefined;
  } catch {
    return undefined;
  }
}
