/** Things by the time at which they are due. They come nearly in order, so a list that is kept sorted is cheap. */
export class Agenda<T> {
  /** Soonest first. */
  readonly #entries: { atMs: number; thing: T }[] = [];

  add(atMs: number, thing: T): void {
    let place = this.#entries.length;
    while (place > 0 && (this.#entries[place - 1]?.atMs ?? 0) > atMs) place -= 1;
    this.#entries.splice(place, 0, { atMs, thing });
  }

  remove(thing: T): void {
    const place = this.#entries.findIndex((entry) => entry.thing === thing);
    if (place >= 0) this.#entries.splice(place, 1);
  }

  nextMs(): number | undefined {
    return this.#entries[0]?.atMs;
  }

  /** Takes out what is due. */
  due(atMs: number): T[] {
    let count = 0;
    while ((this.#entries[count]?.atMs ?? Infinity) <= atMs) count += 1;
    return this.#entries.splice(0, count).map(({ thing }) => thing);
  }
}
