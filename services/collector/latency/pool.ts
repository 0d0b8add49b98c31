const KEPT_S = 60;

/** Counts that belong to no event that could be named, for a minute. One entry per second at most. */
export class Pool {
  /** Oldest first. */
  #seconds: { second: number; left: number }[] = [];

  add(count: number, atMs: number): void {
    const second = Math.floor(atMs / 1_000);
    this.#forget(second);
    const newest = this.#seconds.at(-1);
    if (newest?.second === second) newest.left += count;
    else this.#seconds.push({ second, left: count });
  }

  /** Takes at most `count`, the oldest first, and tells how many there were. */
  take(count: number, atMs: number): number {
    this.#forget(Math.floor(atMs / 1_000));
    let wanted = count;
    for (let oldest = this.#seconds[0]; oldest !== undefined && wanted > 0; oldest = this.#seconds[0]) {
      const taken = Math.min(oldest.left, wanted);
      oldest.left -= taken;
      wanted -= taken;
      if (oldest.left === 0) this.#seconds.shift();
    }
    return count - wanted;
  }

  #forget(second: number): void {
    if ((this.#seconds[0]?.second ?? second) < second - KEPT_S) {
      this.#seconds = this.#seconds.filter((one) => one.second >= second - KEPT_S);
    }
  }
}
