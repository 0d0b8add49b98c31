import { bus } from '../../shared/contract/bus.js';
import { nodeToken } from '../../shared/subjects.js';
import type { ResourceFilter } from '../subscriptions/resource.js';

/**
 * What the tail has to read: the events of the gateway's own node, as long as every subscription names that node; else
 * everything. A sidecar on a node of a large cluster is sent only what concerns it.
 */
export class TailScope {
  readonly #ownNode: string | undefined;
  #isWide: boolean;

  /** @param ownNode NODE_NAME; without it everything is read */
  constructor(ownNode: string | undefined) {
    this.#ownNode = ownNode;
    this.#isWide = ownNode === undefined;
  }

  /** For the broker; undefined: everything. */
  get filter(): string | undefined {
    if (this.#isWide || this.#ownNode === undefined) return undefined;
    return `${bus.subjects.events}.${nodeToken(this.#ownNode)}.>`;
  }

  covers({ node }: ResourceFilter): boolean {
    return this.#isWide || node === this.#ownNode;
  }

  widen(): void {
    this.#isWide = true;
  }

  /** Reads the own node alone again when that is enough for all of these. */
  narrow(filters: Iterable<ResourceFilter>): void {
    if (this.#ownNode === undefined) return;
    for (const { node } of filters) if (node !== this.#ownNode) return;
    this.#isWide = false;
  }
}
