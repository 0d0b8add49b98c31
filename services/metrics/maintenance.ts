import { BadMessage, parseMessage } from '../shared/messageChecks.js';
import type { Sample } from './sample.js';

/**
 * Reads a value of ptp_maintenance: when it ends by itself, ms since 1970 (Infinity: it does not). Throws BadMessage.
 * @param node whose key it is the value of
 */
export function readMaintenance(bytes: Uint8Array, node: string): number {
  const { node: whose, until } = parseMessage('Maintenance', bytes);
  if (whose !== node) throw new BadMessage('the value is about another node than its key');
  return until === undefined ? Infinity : Date.parse(until);
}

/** The nodes that somebody works on. There are at most `maxNodes`. */
export class Maintenance {
  readonly #maxNodes: number;
  readonly #nodes = new Map<string, { labels: { node: string }; untilMs: number }>();

  constructor({ maxNodes }: { maxNodes: number }) {
    this.#maxNodes = maxNodes;
  }

  get nodes(): string[] {
    return [...this.#nodes.keys()];
  }

  /** @param untilMs wall clock. False: there are too many nodes. */
  set(node: string, untilMs: number): boolean {
    if (!this.#nodes.has(node) && this.#nodes.size >= this.#maxNodes) return false;
    this.#nodes.set(node, { labels: { node }, untilMs });
    return true;
  }

  end(node: string): void {
    this.#nodes.delete(node);
  }

  /** 1 for each node whose maintenance has not ended. */
  samples(now: number): Sample[] {
    return Array.from(this.#nodes.values()).flatMap(({ labels, untilMs }) =>
      now < untilMs ? [{ labels, value: 1 }] : [],
    );
  }
}
