import { isAlive, Scope } from './scope.js';
import type { Topic } from './received.js';

const MAX_SCOPES = 256;
/** Stands for whichever scope reads it. */
const ANY_SCOPE = '';

/** The scopes that read events of this node. Whoever only reports is not among them: there may be one per pod. */
export class Scopes {
  /** Receipts of scopes that there was no room for. */
  refused = 0;
  readonly #scopes = new Map<string, Scope>();
  #reportedAtMs = -Infinity;

  /** The scope of a receipt; undefined when there is no room for another one. */
  heard(name: string, atMs: number): Scope | undefined {
    const scope = this.#scopes.get(name) ?? this.#admit(name, atMs);
    scope?.heard(atMs);
    return scope;
  }

  get(name: string): Scope | undefined {
    return this.#scopes.get(name);
  }

  /** A gateway lives. Whether it serves this node is known from its receipts only. */
  reported(name: string, atMs: number): void {
    this.#reportedAtMs = atMs;
    this.#scopes.get(name)?.reported(atMs);
  }

  /**
   * Scopes that should have read an event and have not. Which ones is known from what they have read before.
   * @param readBy by scope, those that have
   */
  unread({ traffic }: Topic, readBy: ReadonlyMap<string, unknown>, atMs: number): string[] {
    const silent = [...this.#scopes].filter(([name]) => !readBy.has(name));
    const readers = silent.filter(([, scope]) => scope.reads(traffic, atMs));
    if (readers.length > 0 || readBy.size > 0) {
      return readers.filter(([, scope]) => scope.tails.take(1, atMs) === 0).map(([name]) => name);
    }
    return isAlive(this.#reportedAtMs, atMs) ? [ANY_SCOPE] : [];
  }

  #admit(name: string, atMs: number): Scope | undefined {
    if (this.#scopes.size >= MAX_SCOPES) {
      for (const [other, scope] of this.#scopes) if (scope.isForgotten(atMs)) this.#scopes.delete(other);
    }
    if (this.#scopes.size >= MAX_SCOPES) {
      this.refused += 1;
      return undefined;
    }
    const scope = new Scope(atMs);
    this.#scopes.set(name, scope);
    return scope;
  }
}

/** Whether a scope that had not read an event when it was due has still not. */
export const isUnread = (name: string, readBy: ReadonlyMap<string, unknown>): boolean =>
  name === ANY_SCOPE ? readBy.size === 0 : !readBy.has(name);
