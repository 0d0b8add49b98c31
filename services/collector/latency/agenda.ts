interface Entry<T> {
  atMs: number;
  /** Of entries with the same time the first comes first. */
  order: number;
  thing: T;
  isGone: boolean;
}

/** So many entries that are gone may wait for their turn, whatever is left. */
const GONE_KEPT = 64;

/**
 * Things by the time at which they are due: a binary heap. They come nearly in order, so adding one is cheap; one that is
 * removed stays as a gap until it is due, or until half of them are gaps.
 */
export class Agenda<T> {
  #heap: Entry<T>[] = [];
  readonly #entries = new Map<T, Entry<T>>();
  #order = 0;

  get size(): number {
    return this.#entries.size;
  }

  /** A thing that is not in it yet. */
  add(atMs: number, thing: T): void {
    const entry = { atMs, order: this.#order++, thing, isGone: false };
    this.#entries.set(thing, entry);
    this.#heap.push(entry);
    this.#rise(this.#heap.length - 1);
  }

  remove(thing: T): void {
    const entry = this.#entries.get(thing);
    if (entry === undefined) return;
    this.#entries.delete(thing);
    entry.isGone = true;
    this.#dropGone();
    if (this.#heap.length > 2 * this.#entries.size + GONE_KEPT) {
      // A sorted list is a heap.
      this.#heap = this.#heap.filter(({ isGone }) => !isGone).toSorted((a, b) => (isBefore(a, b) ? -1 : 1));
    }
  }

  nextMs(): number | undefined {
    return this.#heap[0]?.atMs;
  }

  /** What is due first; it stays. */
  next(): T | undefined {
    return this.#heap[0]?.thing;
  }

  /** Takes out what is due. */
  due(atMs: number): T[] {
    const things: T[] = [];
    for (let first = this.#heap[0]; first !== undefined && first.atMs <= atMs; first = this.#heap[0]) {
      this.#entries.delete(first.thing);
      things.push(first.thing);
      this.#shift();
      this.#dropGone();
    }
    return things;
  }

  /** The first one is never a gap. */
  #dropGone(): void {
    while (this.#heap[0]?.isGone) this.#shift();
  }

  #shift(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #rise(from: number): void {
    const heap = this.#heap;
    const entry = heap[from];
    let at = from;
    while (entry !== undefined && at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !isBefore(entry, parent)) break;
      heap[at] = parent;
      heap[above] = entry;
      at = above;
    }
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const entry = heap[from];
    let at = from;
    while (entry !== undefined) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      if (left === undefined) break;
      const isLeft = right === undefined || isBefore(left, right);
      const child = isLeft ? left : right;
      if (isBefore(entry, child)) break;
      const below = isLeft ? 2 * at + 1 : 2 * at + 2;
      heap[at] = child;
      heap[below] = entry;
      at = below;
    }
  }
}

const isBefore = (a: Entry<unknown>, b: Entry<unknown>): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
