import { isSampled, Rate, verdictOn, type Interest, type Verdict } from './keep.js';
import { eventIdOf, textBytes, type Span } from './span.js';

/** A trace is judged when no span came for this long, and this long after its first span at the latest. */
export const QUIET_MS = 10_000;
export const LONGEST_MS = 60_000;
/** Traces of which every one is kept, a second, counted over 10 s. */
const KEPT_PER_SECOND = 50;
/** A trace takes no more spans: the deliveries of one event to many subscriptions. */
export const MAX_SPANS = 2_000;
export const MAX_TRACE_BYTES = 4 * 1_024 * 1_024;
/** A trace's own memory, beside its spans. */
const TRACE_BYTES = 1_000;
const EVENT_BYTES = 250;

export type Kept = Interest | 'below_rate' | 'sample';
export type Dropped = 'not_sampled' | 'evicted';

/** One event's trace. */
export interface Trace {
  id: string;
  spans: Map<string, Span>;
  /** Ids of the events its spans are about: one, unless a stranger made them. */
  events: Set<string>;
  /** When its first and its last span came here, monotonic ms. */
  firstMs: number;
  lastMs: number;
  bytes: number;
  /** Spans that were not taken because it has too many. */
  lost: number;
  /** Why it was kept; absent until it is judged. */
  keptFor?: Kept;
  /** What was last read off it; see TraceMemory.verdictOn. */
  verdict?: Verdict | undefined;
}

export interface MemoryLimits {
  /** Estimated memory of all traces together. */
  bytes: number;
  /** From this on a trace is slow. */
  slowMs: number;
  /** Share of the unremarkable traces that is kept, 0 to 1. */
  ratio: number;
}

/**
 * The traces of the last events, in bounded memory: when it is full the oldest go. Spans of a trace are gathered until
 * it is quiet; then the keep rule says whether it stays.
 */
export class TraceMemory {
  readonly #limits: MemoryLimits;
  readonly #rate = new Rate(KEPT_PER_SECOND, 10);
  /** By id, oldest first. */
  readonly #traces = new Map<string, Trace>();
  readonly #open = new Set<Trace>();
  readonly #events = new Map<string, Trace>();
  #bytes = 0;
  /** Traces by what became of them: kept and why, not_sampled, evicted. An evicted one may have been kept before. */
  readonly counts = new Map<Kept | Dropped, number>();

  constructor(limits: MemoryLimits) {
    this.#limits = limits;
  }

  /** Estimated memory of all traces; never above the limit. */
  get bytes(): number {
    return this.#bytes;
  }

  get openTraces(): number {
    return this.#open.size;
  }

  get keptTraces(): number {
    return this.#traces.size - this.#open.size;
  }

  /** Takes a span in, and lets the oldest traces go if it must. */
  add(span: Span, nowMs: number): 'received' | 'duplicate' | 'dropped' {
    const trace = this.#traces.get(span.traceId) ?? this.#begin(span.traceId, nowMs);
    trace.lastMs = nowMs;
    if (trace.spans.has(span.spanId)) return 'duplicate';
    if (trace.spans.size >= MAX_SPANS || trace.bytes + span.bytes > MAX_TRACE_BYTES) {
      trace.lost += 1;
      return 'dropped';
    }
    trace.spans.set(span.spanId, span);
    this.#grow(trace, span.bytes);
    this.#index(trace, eventIdOf(span));
    trace.verdict = undefined;
    for (const oldest of this.#traces.values()) {
      if (this.#bytes <= this.#limits.bytes) break;
      this.#remove(oldest, 'evicted');
    }
    return this.#traces.has(trace.id) ? 'received' : 'dropped';
  }

  /** Judges the traces whose time has come. */
  judge(nowMs: number): void {
    for (const trace of this.#open) {
      if (nowMs < Math.min(trace.lastMs + QUIET_MS, trace.firstMs + LONGEST_MS)) continue;
      const isBelowRate = this.#rate.take(nowMs);
      const [interest] = this.verdictOn(trace).interests;
      const reason =
        interest ?? (isBelowRate ? 'below_rate' : isSampled(trace.id, this.#limits.ratio) ? 'sample' : undefined);
      if (reason === undefined) {
        this.#remove(trace, 'not_sampled');
        continue;
      }
      this.#open.delete(trace);
      trace.keptFor = reason;
      this.#count(reason);
    }
  }

  /** @param id 32 hex digits, lower case */
  get(id: string): Trace | undefined {
    return this.#traces.get(id);
  }

  /** The trace of an event. */
  ofEvent(eventId: string): Trace | undefined {
    return this.#events.get(eventId);
  }

  /** All traces, newest first. */
  newestFirst(): Trace[] {
    return [...this.#traces.values()].toReversed();
  }

  /** What is remarkable about a trace as it is now: a late span may tell that it was slow, or failed. */
  verdictOn(trace: Trace): Verdict {
    trace.verdict ??= verdictOn([...trace.spans.values()], this.#limits.slowMs);
    return trace.verdict;
  }

  #begin(id: string, nowMs: number): Trace {
    const trace: Trace = {
      id,
      spans: new Map(),
      events: new Set(),
      firstMs: nowMs,
      lastMs: nowMs,
      bytes: 0,
      lost: 0,
    };
    this.#traces.set(id, trace);
    this.#open.add(trace);
    this.#grow(trace, TRACE_BYTES);
    return trace;
  }

  /** The first trace that names an event is the event's: a later one cannot hide it. */
  #index(trace: Trace, eventId: string | undefined): void {
    if (eventId === undefined || this.#events.has(eventId)) return;
    this.#events.set(eventId, trace);
    trace.events.add(eventId);
    this.#grow(trace, EVENT_BYTES + textBytes(eventId));
  }

  #grow(trace: Trace, bytes: number): void {
    trace.bytes += bytes;
    this.#bytes += bytes;
  }

  #remove(trace: Trace, why: Dropped): void {
    this.#traces.delete(trace.id);
    this.#open.delete(trace);
    for (const eventId of trace.events) this.#events.delete(eventId);
    this.#bytes -= trace.bytes;
    this.#count(why);
  }

  #count(what: Kept | Dropped): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}
