import type { Process } from '../parse/observation.js';

const PATIENCE_MS = 60_000;

/** Notices a process that prints summaries and never an offset line: no state can ever come of that. */
export class SummaryWatch {
  readonly #firstMs = new Map<Process, number>();
  readonly #isSettled = new Set<Process>();

  hearOffset(process: Process): void {
    if (!this.#isSettled.has(process)) this.#isSettled.add(process);
  }

  /** True once per process: nothing but summaries has come for a minute. */
  hearSummary(process: Process, atMs: number): boolean {
    if (this.#isSettled.has(process)) return false;
    const first = this.#firstMs.get(process);
    if (first === undefined) this.#firstMs.set(process, atMs);
    if (first === undefined || atMs - first < PATIENCE_MS) return false;
    this.#isSettled.add(process);
    return true;
  }
}
