import { PROCESSES, type Process, type Unread } from './parse/observation.js';
import type { Outcome } from './state/nodeClocks.js';

export type LineOutcome = Outcome | Unread | 'too_long';
export type LineProcess = Process | 'other';

type Counts = Record<LineProcess, Partial<Record<LineOutcome, number>>>;

interface LineSample {
  process: LineProcess;
  outcome: LineOutcome;
  lines: number;
}

/** How many lines came, by process and outcome: plain numbers, since a labelled counter costs more than reading a line. */
export class LineCounts {
  readonly #counts: Counts;

  constructor() {
    const none = [...PROCESSES, 'other' as const].map((process) => [process, {}] as const);
    this.#counts = Object.fromEntries(none) as Counts;
  }

  note(process: LineProcess, outcome: LineOutcome): void {
    const counts = this.#counts[process];
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }

  samples(): LineSample[] {
    return Object.entries(this.#counts).flatMap(([process, counts]) =>
      Object.entries(counts).map(([outcome, lines]) => ({ process, outcome, lines }) as LineSample),
    );
  }
}
