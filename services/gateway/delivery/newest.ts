import type { PtpEvent } from '../../shared/event.js';

/** Subjects that are remembered: those of 14 000 nodes. */
const MAX_SUBJECTS = 100_000;
/** Subjects whose newest event in the log is an older one, as far as the cursor has room for them. */
const MAX_REPEATED = 1_024;
/** A fall of `sequence` beyond this, with a later time, is a collector that lost its count, and no event of the past. */
const LARGEST_FALL = 1_000_000;
/** A time further beyond the broker's is not believed. */
const LARGEST_SKEW_MS = 60_000;

/** Where an event stands among those of its subject. */
export interface Standing {
  sequence: number;
  /** When it was read on its node, ms since 1970. */
  atMs: number;
}

/** When an event was read on its node, as far as that can be true: not after it was stored. */
export function readAtMs({ time }: Pick<PtpEvent, 'time'>, storedAtMs: number): number {
  const ms = Date.parse(time);
  return ms > storedAtMs + LARGEST_SKEW_MS ? storedAtMs : ms;
}

/** Whether an event is one of the past: `sequence` never falls, unless a collector has lost its count. */
export const isPast = ({ sequence, atMs }: Standing, newest: Standing): boolean =>
  sequence <= newest.sequence && (newest.sequence - sequence <= LARGEST_FALL || atMs <= newest.atMs);

/**
 * The newest event of each subject that the tail has read. A restore or a copy tool stores events of the past again; an
 * idle lane, which remembers nothing, would take them for news.
 */
export class Newest {
  readonly #known = new Map<string, Standing>();
  /** Subjects whose last message in the log is an event of the past: the log alone would not tell the newest. */
  readonly #repeated = new Map<string, number>();

  /** An event of the log, in order. False: it is one of the past. */
  take(subject: string, event: PtpEvent, storedAtMs: number): boolean {
    const standing = { sequence: Number(event.sequence), atMs: readAtMs(event, storedAtMs) };
    const known = this.#known.get(subject);
    if (known !== undefined && isPast(standing, known)) {
      if (this.#repeated.size < MAX_REPEATED) this.#repeated.set(subject, known.sequence);
      return false;
    }
    this.#repeated.delete(subject);
    this.#remember(subject, standing);
    return true;
  }

  /** What an earlier life has noted as `repeated`. */
  recall(repeated: Readonly<Record<string, number>>): void {
    for (const [subject, sequence] of Object.entries(repeated)) this.#remember(subject, { sequence, atMs: -Infinity });
  }

  #remember(subject: string, standing: Standing): void {
    const isFull = this.#known.size >= MAX_SUBJECTS && !this.#known.has(subject);
    const [oldest] = isFull ? this.#known.keys() : [];
    if (oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(subject, standing);
  }

  /** For the cursor: what the log alone would not tell. */
  get repeated(): Record<string, number> | undefined {
    return this.#repeated.size === 0 ? undefined : Object.fromEntries(this.#repeated);
  }

  /** Another log: its sequences may begin anew. */
  forget(): void {
    this.#known.clear();
    this.#repeated.clear();
  }
}
