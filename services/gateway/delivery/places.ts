/** A run of stream sequences, both ends included. */
export type Run = [from: number, upTo: number];

/** Places of the log, noted in the order of the log: a restore stores many next to each other, so runs of them are kept. */
export class Places {
  readonly #maxRuns: number;
  #runs: Run[] = [];

  /** @param maxRuns beyond them the oldest are forgotten */
  constructor(maxRuns: number) {
    this.#maxRuns = maxRuns;
  }

  /** @param seq beyond all that were added before; one that is not says nothing new */
  add(seq: number): void {
    const last = this.#runs.at(-1);
    if (last !== undefined && seq <= last[1]) return;
    if (last !== undefined && seq === last[1] + 1) last[1] = seq;
    else this.#runs.push([seq, seq]);
    if (this.#runs.length > this.#maxRuns) this.#runs.shift();
  }

  has(seq: number): boolean {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#runs[middle]?.[1] ?? Infinity) < seq) low = middle + 1;
      else high = middle;
    }
    return (this.#runs[low]?.[0] ?? Infinity) <= seq;
  }

  /** Those after one place and up to another; undefined when there are none. */
  between(after: number, upTo: number): Run[] | undefined {
    const runs = this.#runs
      .filter(([from, to]) => to > after && from <= upTo)
      .map(([from, to]): Run => [Math.max(from, after + 1), Math.min(to, upTo)]);
    return runs.length === 0 ? undefined : runs;
  }

  /** From now on these are the places. */
  replace(runs: readonly Run[]): void {
    this.#runs = runs
      .filter(([from, to]) => from <= to)
      .map(([from, to]): Run => [from, to])
      .toSorted(([a], [b]) => a - b);
  }
}
