const SLOT_MS = 10_000;
const SLOTS = 6;

/** The largest absolute value of the last minute, kept in slots of ten seconds. */
export class WindowMaximum {
  readonly #values = new Float64Array(SLOTS).fill(-1);
  #slot = 0;

  add(value: number, atMs: number): void {
    this.#moveTo(atMs);
    const at = this.#slot % SLOTS;
    const size = Math.abs(value);
    if (size > (this.#values[at] ?? 0)) this.#values[at] = size;
  }

  /** undefined when no value came within the last minute. */
  at(atMs: number): number | undefined {
    this.#moveTo(atMs);
    const largest = Math.max(...this.#values);
    return largest < 0 ? undefined : largest;
  }

  #moveTo(atMs: number): void {
    const slot = Math.floor(atMs / SLOT_MS);
    if (slot === this.#slot) return;
    const passed = Math.min(Math.max(slot - this.#slot, 0), SLOTS);
    for (let i = 0; i < passed; i++) this.#values[(slot - i) % SLOTS] = -1;
    this.#slot = slot;
  }
}
