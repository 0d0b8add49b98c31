import type { JetStreamManager } from '@nats-io/jetstream';
import { sleep, type Clock } from '../../shared/clock.js';
import { isBelievableSequence } from '../../shared/believable.js';
import { bus } from '../../shared/contract/bus.js';
import { BadEvent, decodeEvent, type PtpEvent } from '../../shared/event.js';
import { BadName, eventSubject, nodeToken, resourceAddress, resourceOfSubject } from '../../shared/subjects.js';
import type { DataVersion } from '../subscriptions/record.js';
import { RESOURCES, type ResourceFilter } from '../subscriptions/resource.js';
import type { Newest } from './newest.js';
import { Places, type Run } from './places.js';
import { Ring, type RingLimits } from './ring.js';
import { traceparentOf, type TailMessage } from './tail.js';

/** How old what is known of the log's beginning may be when something was not found where it was looked for. */
const FRESH_MS = 1_000;
/** A tail that is further behind is interrupted, and not waited for. */
const LONGEST_WAIT_MS = 1_000;
const LOOK_MS = 5;
/** Runs of places of past events that are remembered, for whoever reads them from the log later. A cursor has room for them. */
const MAX_PAST = 1_024;

/** An event with its place in the log. */
export interface LoggedEvent {
  /** Stream sequence: the only position there is. */
  seq: number;
  subject: string;
  node: string;
  /** Resource path without the node. */
  path: string;
  /** When the broker stored it, ms since 1970. */
  storedAtMs: number;
  /** See TailMessage. */
  received?: TailMessage['received'];
  traceparent?: string | undefined;
  event: PtpEvent;
  /** What is posted of it, by the names in it; made when it is first needed. */
  bodies?: Partial<Record<DataVersion, Buffer>>;
}

/** Which subjects of the log somebody reads. */
export interface SubjectFilter {
  /** For the broker, perhaps with wildcards. */
  subject: string;
  matches: (subject: string) => boolean;
}

/** One subject alone. */
export const oneSubject = (subject: string): SubjectFilter => ({ subject, matches: (other) => other === subject });

const CANARIES: SubjectFilter = {
  subject: `${bus.subjects.canary}.*`,
  matches: (subject) => subject.startsWith(`${bus.subjects.canary}.`),
};

/** The subjects of a subscription's resources. */
export function subjectsOf({ node, path }: ResourceFilter): SubjectFilter {
  if (path === bus.canary.path) return CANARIES;
  if (node !== '*' && RESOURCES.includes(path)) return oneSubject(eventSubject(node, path));
  const tokens = path.slice(1).replaceAll('/', '.');
  const below = RESOURCES.includes(path) ? tokens : `${tokens}.>`;
  const prefix = `${bus.subjects.events}.`;
  const start = node === '*' ? undefined : `${prefix}${nodeToken(node)}.`;
  return {
    subject: `${start ?? `${prefix}*.`}${below}`,
    matches(subject) {
      if (start !== undefined && !subject.startsWith(start)) return false;
      const rest = subject.slice(subject.indexOf('.', prefix.length) + 1);
      return rest === tokens || rest.startsWith(`${tokens}.`);
    },
  };
}

export interface EventLogOptions {
  stream?: string;
  ring?: RingLimits;
  newest?: Newest;
  onPast?: (event: LoggedEvent) => void;
}

/** The log as deliveries read it: its recent part from memory, the rest from the broker. */
export class EventLog {
  readonly #jsm: JetStreamManager;
  readonly #onBadMessage: (message: TailMessage, reason: string) => void;
  readonly #clock: Clock;
  readonly #stream: string;
  readonly #limits: RingLimits | undefined;
  readonly #newest: Newest | undefined;
  readonly #onPast: (event: LoggedEvent) => void;
  readonly #past = new Places(MAX_PAST);
  #ring: Ring;
  #position = 0;
  #firstStored = 0;
  #heardFirstStoredMs = -Infinity;

  /**
   * @param onBadMessage told of what is none of our events; it is passed over
   * @param options another stream than the events', what of it is kept in memory, and how events of the past are known:
   * those are passed over too
   */
  constructor(
    jsm: JetStreamManager,
    clock: Clock,
    onBadMessage: (message: TailMessage, reason: string) => void,
    { stream = bus.streams.events, ring, newest, onPast = () => {} }: EventLogOptions = {},
  ) {
    this.#jsm = jsm;
    this.#clock = clock;
    this.#onBadMessage = onBadMessage;
    this.#stream = stream;
    this.#limits = ring;
    this.#newest = newest;
    this.#onPast = onPast;
    this.#ring = new Ring(0, ring);
  }

  /** Retention has taken what is before this, as far as the broker has said. */
  get firstStored(): number {
    return this.#firstStored;
  }

  /** The broker has said where the log begins. */
  beginsAt(firstStored: number): void {
    this.#firstStored = firstStored;
    this.#heardFirstStoredMs = this.#clock.monotonic();
  }

  /** The tail's: everything up to here has been handed on. */
  get position(): number {
    return this.#position;
  }

  /** The tail starts, or starts over, after a position. */
  restart(position: number): void {
    if (position === 0) this.#past.replace([]);
    this.#ring = new Ring(position, this.#limits);
    this.#position = position;
  }

  /** Where events of the past are, after one place and up to another; undefined when there are none. */
  past(after: number, upTo: number): Run[] | undefined {
    return this.#past.between(after, upTo);
  }

  /** What an earlier life has noted as `past`. */
  recallPast(runs: readonly Run[]): void {
    this.#past.replace(runs);
  }

  /** There is nothing for us up to here: it was of others, or retention has taken it. */
  passOver(seq: number): void {
    this.#position = Math.max(this.#position, seq);
  }

  /** From the tail, in order. Gives the event, or undefined when it is none, or one of the past. */
  append(message: TailMessage): LoggedEvent | undefined {
    this.#position = message.seq;
    const event = this.#read(message);
    if (event === undefined) return undefined;
    if (this.#newest?.take(event.subject, event.event, event.storedAtMs) === false) {
      this.#pass(event);
      return undefined;
    }
    this.#ring.push(message);
    return event;
  }

  /** The first matching event at or after a position that is still in memory. */
  recent({ matches }: SubjectFilter, from: number): LoggedEvent | 'none' | 'older' {
    for (let at = from; ;) {
      const found = this.#ring.next(matches, at);
      if (found === 'none' || found === 'older') return found;
      const event = readEvent(found);
      if (!(event instanceof Error)) return event;
      at = found.seq + 1;
    }
  }

  /** The matching messages from a position on that are in memory, and whether those are all. They may be none of ours. */
  inMemory({ matches }: SubjectFilter, from: number): { messages: Iterable<TailMessage>; isComplete: boolean } {
    return { messages: this.#ring.from(matches, from), isComplete: this.#ring.reachesBackTo(from) };
  }

  /**
   * The first matching event at or after a position that the broker has. Rejects while it is away. When it is not right
   * at that position, `firstStored` is true to the second afterwards: retention may have taken what was there.
   */
  async stored({ subject }: SubjectFilter, from: number): Promise<LoggedEvent | undefined> {
    for (let at = from; ;) {
      const query = { seq: at, next_by_subj: subject };
      const { direct, streams } = this.#jsm;
      // A replica answers, and may be behind: that there is nothing is for the leader to say.
      const found = (await direct.getMessage(this.#stream, query)) ?? (await streams.getMessage(this.#stream, query));
      if (found?.seq !== from) await this.#refreshFirstStored();
      if (found === null) return undefined;
      const message = {
        seq: found.seq,
        subject: found.subject,
        data: found.data,
        storedAtMs: found.time.getTime(),
        traceparent: traceparentOf(found.header),
      };
      const event = this.#past.has(found.seq) ? undefined : this.#read(message);
      if (event !== undefined) return event;
      at = found.seq + 1;
    }
  }

  /**
   * Waits until the tail has handed on the newest event of a subject, for a second at most. Rejects while the broker is
   * away.
   */
  async handedOn(subject: string, signal: AbortSignal): Promise<void> {
    const newest = await this.#jsm.direct.getMessage(this.#stream, { last_by_subj: subject });
    const endMs = this.#clock.monotonic() + LONGEST_WAIT_MS;
    const isWaiting = (): boolean => !signal.aborted && this.#clock.monotonic() < endMs;
    while (newest !== null && this.#position < newest.seq && isWaiting()) await sleep(this.#clock, LOOK_MS, signal);
  }

  /** One of the past: also whoever reads it from the broker passes it over. */
  #pass(event: LoggedEvent): void {
    this.#past.add(event.seq);
    this.#onPast(event);
  }

  async #refreshFirstStored(): Promise<void> {
    if (this.#clock.monotonic() - this.#heardFirstStoredMs < FRESH_MS) return;
    const { state } = await this.#jsm.streams.info(this.#stream);
    this.beginsAt(state.first_seq);
  }

  #read(message: TailMessage): LoggedEvent | undefined {
    const event = readEvent(message);
    if (!(event instanceof Error)) return event;
    this.#onBadMessage(message, event.message);
    return undefined;
  }
}

function readEvent(message: TailMessage): LoggedEvent | BadEvent | BadName {
  const { seq, subject, data, storedAtMs, received, traceparent } = message;
  try {
    const { node, path } = resourceOfSubject(subject);
    const event = decodeEvent(data, resourceAddress(node, path));
    if (!isBelievableSequence(event.sequence, storedAtMs)) {
      return new BadEvent(`sequence ${event.sequence} is days beyond the time in ms at which it was stored`);
    }
    return { seq, subject, node, path, storedAtMs, received, traceparent, event };
  } catch (err) {
    if (err instanceof BadEvent || err instanceof BadName) return err;
    // The same message would fail again each time it is read.
    return new BadEvent('it could not be read', { cause: err });
  }
}
