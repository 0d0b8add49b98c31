import type { ClockState, Nanoseconds, OffsetSeen, Process } from '../parse/observation.js';
import { WindowMaximum } from './windowMaximum.js';

/** A moment on both clocks. */
export interface Instant {
  /** Wall clock, ms since 1970. */
  now: number;
  /** CLOCK_MONOTONIC, ms; deadlines are on this one. */
  monotonic: number;
}

/** How a change came to be known: the moment at which its line was read, or at which it was made without one. */
export interface Told extends Instant {
  /** linuxptp's own stamp of the line: CLOCK_MONOTONIC, ms. Absent for what no line tells. */
  stampMs?: number;
  /** Since when (monotonic ms) it has been held back, because the bus was not open. */
  heldMs?: number;
}

export const CLOCK_REALTIME = 'CLOCK_REALTIME';

/** One clock of one configuration: what its lines said last, and the state that follows from them. */
export class Clock {
  readonly process: Process;
  readonly config: string;
  /** Real name of its interface, or CLOCK_REALTIME. */
  iface: string;
  /** undefined until a line gave it one. */
  state: ClockState | undefined = undefined;
  /** Wall clock: when it entered its state. */
  since = 0;
  /** Newest valid offset, in range or not: for metrics and CurrentState (decision l). */
  offsetNs: Nanoseconds | undefined = undefined;
  /** What events without an offset of their own carry (decision d). */
  rememberedNs: Nanoseconds | undefined = undefined;
  source: OffsetSeen['source'] = 'master';
  freqPpb: number | undefined = undefined;
  delayNs: number | undefined = undefined;
  /** Monotonic ms at which its holdover ends as FREERUN. */
  holdoverEndsMs: number | undefined = undefined;
  /** Its newest line; undefined while none has come since the collector started. */
  lastLine: Instant | undefined = undefined;
  /** Orders writers of one metric series: of clocks that share an alias the last one wins. */
  readingsStamp = 0;
  stateStamp = 0;
  readonly maximum = new WindowMaximum();

  constructor(process: Process, config: string, iface: string) {
    this.process = process;
    this.config = config;
    this.iface = iface;
  }

  enter(state: ClockState, at: Instant): void {
    if (this.state !== state) this.since = at.now;
    this.state = state;
    if (state !== 'HOLDOVER') this.holdoverEndsMs = undefined;
  }
}

const BADNESS = { LOCKED: 0, HOLDOVER: 1, FREERUN: 2 } as const;

/** The better of two states; one that is not known does not count. */
export function better(a: ClockState | undefined, b: ClockState | undefined): ClockState | undefined {
  if (a === undefined) return b;
  if (b === undefined) return a;
  return BADNESS[a] <= BADNESS[b] ? a : b;
}

/** The worse of two states; one that is not known does not count. */
export function worse(a: ClockState | undefined, b: ClockState | undefined): ClockState | undefined {
  if (a === undefined) return b;
  if (b === undefined) return a;
  return BADNESS[a] >= BADNESS[b] ? a : b;
}
