/**
 * Counts what may happen again and again, and says when it is worth a line in the log: the 1st, 2nd, 4th, 8th … time.
 * What goes wrong for hours must not fill the disk.
 */
export class Doublings {
  #count = 0;

  /** Counts one more. How many there were, when it is to be told; else undefined. */
  next(): number | undefined {
    this.#count += 1;
    return Number.isInteger(Math.log2(this.#count)) ? this.#count : undefined;
  }

  /** It is over: the next time is the first one again. */
  reset(): void {
    this.#count = 0;
  }
}
