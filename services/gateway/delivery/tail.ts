import { AckPolicy, DeliverPolicy, ReplayPolicy, type JetStreamManager } from '@nats-io/jetstream';
import { JetStreamStatus } from '@nats-io/jetstream/internal';
import {
  createInbox,
  nanos,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  type Subscription,
} from '@nats-io/transport-node';
import { sleep, type Clock } from '../../shared/clock.js';
import { bus } from '../../shared/contract/bus.js';
import { isTraceparent } from '../../shared/event.js';
import { Doublings } from '../../shared/doublings.js';
import type { Logger } from '../../shared/log.js';

/** A consumer is given up when neither event nor heartbeat came for so long; the server sends one every second. */
const SILENCE_MS = 2_500;
const HEARTBEAT_MS = 1_000;
const LOOK_MS = 250;
const RETRY_MS = 250;
const CHECK_MS = 30_000;

/** Reply of what a consumer delivers, and of what it asks to be let go on (NATS ADR-15). */
const ACKS = '$JS.ACK.';
const FLOW_CONTROL = /^\$JS\.FC\.[^\s*>]+$/;

export interface TailMessage {
  /** Stream sequence. */
  seq: number;
  subject: string;
  data: Uint8Array;
  /** When the broker stored it, ms since 1970. */
  storedAtMs: number;
  /** Absent when it was not read by the tail, but from the log later. */
  received?: Reception | undefined;
  /** W3C Trace Context of the attempt to publish it; absent when it is not traced. */
  traceparent?: string | undefined;
}

/** When the tail read a message. */
export interface Reception {
  /** Of the monotonic clock, and of the wall clock since 1970, with a fraction. */
  ms: number;
  atMs: number;
  /** For so long this process had not looked at its connection before: the message may have waited there. */
  stalledMs: number;
}

export interface TailEvents {
  /** Called for every message of the log, in order, once. Must not wait. */
  onMessage: (message: TailMessage) => void;
  /** What the log holds, whenever the broker was asked: the sequence of its first message. */
  onLogInfo: (firstSeq: number) => void;
  /** The stream is not the one the positions belong to: they start at its beginning. */
  onNewStream: (created: string) => void;
  /** What was before this sequence and had not been read yet is gone: retention was faster. */
  onLost?: (firstSeq: number) => void;
  /** Nothing for us is in the log up to this sequence; the position has moved there. */
  onNothingUpTo?: (seq: number) => void;
}

export interface TailDeps {
  broker: NatsConnection;
  jsm: JetStreamManager;
  clock: Clock;
  log: Logger;
  /** Subject with wildcards: only such messages are read. Absent, or undefined: all of them. */
  filter?: () => string | undefined;
  /** Default: the events. */
  stream?: string;
  /** Takes note of when a message was read; absent: nobody measures. */
  receive?: (nowMs: number) => Reception;
  /** Whether somebody wants to know the messages' trace contexts. */
  isTraced?: boolean;
  /** The log cannot be read, called after each attempt; the next one is made when it resolves. Must not reject. */
  onUnreadable?: (err: unknown) => Promise<void>;
}

/**
 * Reads the log live, in order, through an ephemeral push consumer of its own. The client's ordered consumers take up
 * to a minute to notice that their server has gone; this one makes a new consumer from its position after a gap in
 * the consumer's numbers, 2.5 s of silence, or a reconnect.
 */
export class Tail {
  readonly #deps: TailDeps;
  readonly #events: TailEvents;
  readonly #stopped = new AbortController();
  #position = 0;
  #stream = '';
  #lastKnown = 0;
  #reader: Reader | undefined;
  #running: Promise<void> | undefined;
  readonly #troubles: Doublings;

  constructor(deps: TailDeps, events: TailEvents) {
    this.#deps = deps;
    this.#troubles = new Doublings(deps.clock);
    this.#events = events;
  }

  /** Stream sequence of the last message that was handed on. */
  get position(): number {
    return this.#position;
  }

  /** Stream sequence of the last message that is known to be in the log. */
  get lastKnown(): number {
    return Math.max(this.#position, this.#lastKnown);
  }

  /** Whether it hears the broker. */
  get isReading(): boolean {
    return this.#reader?.isHearing ?? false;
  }

  /** `created` of the stream; positions belong to it. */
  get stream(): string {
    return this.#stream;
  }

  /** Reads everything after `position` of the stream that was `created` then; keeps trying while JetStream is away. */
  start(stream: string, position: number): void {
    this.#stream = stream;
    // Never "deliver new": a consumer made anew before its first message would replay the log.
    this.#position = position;
    this.#running = this.#readForEver();
    void this.#watchReconnects();
    void this.#checkLogNowAndThen();
  }

  /** The filter has changed: reads on from the position with the new one. */
  refilter(): void {
    if (this.#reader?.filter !== this.#deps.filter?.()) this.#reader?.end('reads other subjects from now on');
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#reader?.end('stopped');
    await this.#running;
  }

  async #readForEver(): Promise<void> {
    const { clock, log } = this.#deps;
    // Told once: an outage is long, and the attempts are frequent.
    let isUnreadable = false;
    while (!this.#stopped.signal.aborted) {
      try {
        this.#checkNotLost(await this.#checkLog());
        if (this.#stopped.signal.aborted) return;
        // Known before it is open: whatever ends it may happen while the broker makes its consumer.
        const reader = this.#newReader();
        this.#reader = reader;
        await reader.open(this.#position);
        isUnreadable = false;
        const why = await reader.ended;
        if (!this.#stopped.signal.aborted) this.#interrupted(why);
      } catch (err) {
        if (!isUnreadable) log.warn({ err, position: this.#position }, 'cannot read the log, trying again');
        isUnreadable = true;
        await this.#deps.onUnreadable?.(err);
        await sleep(clock, RETRY_MS, this.#stopped.signal);
      }
    }
  }

  #interrupted(why: string): void {
    const { log } = this.#deps;
    const position = this.#position;
    this.#troubles.tell((times) => log.warn({ why, position, times }, 'tail interrupted, reading on'), why);
  }

  #newReader(): Reader {
    const filter = this.#deps.filter?.();
    return new Reader(this.#deps, filter, (message) => {
      try {
        // Without a filter every sequence is ours, and one that does not come is not there any more.
        if (filter === undefined) this.#checkNotLost(message.seq);
        this.#position = Math.max(this.#position, message.seq);
        this.#events.onMessage(message);
      } catch (err) {
        const { seq } = message;
        this.#troubles.tell(
          (times) => this.#deps.log.error({ err, seq, times }, 'could not take a message'),
          'message',
        );
      }
    });
  }

  /** @param firstSeq what is before it cannot be read any more */
  #checkNotLost(firstSeq: number): void {
    if (firstSeq <= this.#position + 1) return;
    this.#deps.log.error({ position: this.#position, firstSeq }, 'the log has lost events that were not read yet');
    this.#position = firstSeq - 1;
    this.#events.onLost?.(firstSeq);
  }

  /**
   * Positions mean something only for the stream they were made in, and only while it has not lost its end. Gives the
   * sequence that the log begins with.
   */
  async #checkLog(): Promise<number> {
    // While the answer is on its way, the tail may go beyond what it says, or start over.
    const position = this.#position;
    const { created, state } = await this.#deps.jsm.streams.info(streamOf(this.#deps));
    if (created !== this.#stream || state.last_seq < Math.min(position, this.#position)) {
      this.#deps.log.error(
        { was: this.#stream, is: created, position: this.#position },
        'the log was replaced, reading it anew',
      );
      this.#stream = created;
      this.#position = 0;
      this.#lastKnown = 0;
      this.#events.onNewStream(created);
      this.#reader?.end('the log was replaced');
    }
    this.#lastKnown = Math.max(this.#lastKnown, state.last_seq);
    this.#events.onLogInfo(state.first_seq);
    return state.first_seq;
  }

  /**
   * With a filter the position stays at the last message of ours while others go on. When the log has none of ours after
   * it, it moves to where the log ended before we asked: retention must not pass for a loss, nor the cursor stand still.
   */
  async #passOverOthers(): Promise<void> {
    const reader = this.#reader;
    if (reader?.filter === undefined) return;
    const { jsm } = this.#deps;
    const { created, state } = await jsm.streams.info(bus.streams.events);
    // Of the stream's leader: what a replica answers may be old.
    const query = { seq: this.#position + 1, next_by_subj: reader.filter };
    if (state.last_seq <= this.#position || (await jsm.streams.getMessage(bus.streams.events, query)) !== null) return;
    // A reader of other subjects may be on its way, which has to begin where this one was.
    const isAsBefore = this.#reader === reader && reader.filter === this.#deps.filter?.() && created === this.#stream;
    if (!isAsBefore || state.last_seq <= this.#position) return;
    this.#position = state.last_seq;
    this.#events.onNothingUpTo?.(state.last_seq);
  }

  async #checkLogNowAndThen(): Promise<void> {
    for (;;) {
      await sleep(this.#deps.clock, CHECK_MS, this.#stopped.signal);
      if (this.#stopped.signal.aborted) return;
      // While the broker is away the reader says so.
      await this.#checkLog()
        .then(() => this.#passOverOthers())
        .catch(() => {});
    }
  }

  async #watchReconnects(): Promise<void> {
    for await (const status of this.#deps.broker.status()) {
      if (status.type === 'reconnect') this.#reader?.end('reconnected');
    }
  }
}

/** One consumer, from its creation until something about it is wrong. */
class Reader {
  readonly filter: string | undefined;
  readonly #deps: TailDeps;
  readonly #onMessage: (message: TailMessage) => void;
  readonly #inbox = createInbox();
  readonly #subscription: Subscription;
  readonly #watch: NodeJS.Timeout;
  #consumer: string | undefined;
  #delivered = 0;
  #heardAt: number;
  #isEnded = false;
  #resolveEnded: (why: string) => void = () => {};
  readonly ended = new Promise<string>((resolve) => (this.#resolveEnded = resolve));

  constructor(deps: TailDeps, filter: string | undefined, onMessage: (message: TailMessage) => void) {
    this.#deps = deps;
    this.filter = filter;
    this.#onMessage = onMessage;
    this.#heardAt = deps.clock.monotonic();
    this.#subscription = deps.broker.subscribe(this.#inbox, {
      callback: (err, msg) => (err ? this.end(err.message) : this.#take(msg)),
    });
    this.#watch = setInterval(() => {
      if (deps.clock.monotonic() - this.#heardAt > SILENCE_MS) this.end('silence');
    }, LOOK_MS);
  }

  /** Has the broker send everything after `position`. */
  async open(position: number): Promise<void> {
    const { jsm, clock } = this.#deps;
    try {
      const { name } = await jsm.consumers.add(streamOf(this.#deps), {
        deliver_subject: this.#inbox,
        ...(this.filter !== undefined && { filter_subject: this.filter }),
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: position + 1,
        replay_policy: ReplayPolicy.Instant,
        ack_policy: AckPolicy.None,
        flow_control: true,
        idle_heartbeat: nanos(HEARTBEAT_MS),
        mem_storage: true,
        num_replicas: 1,
        inactive_threshold: nanos(30_000),
      });
      this.#consumer = name;
      this.#heardAt = clock.monotonic();
    } catch (err) {
      this.end('not made');
      throw err;
    }
  }

  get isHearing(): boolean {
    const isOpen = this.#consumer !== undefined && !this.#isEnded;
    return isOpen && this.#deps.clock.monotonic() - this.#heardAt <= SILENCE_MS;
  }

  /** Nothing is handed on any more. */
  end(why: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    clearInterval(this.#watch);
    this.#subscription.unsubscribe();
    // The server removes it by itself after a while; sooner is kinder, and while the broker is away there is nobody to ask.
    if (this.#consumer !== undefined) {
      this.#deps.jsm.consumers.delete(streamOf(this.#deps), this.#consumer).catch(() => {});
    }
    this.#resolveEnded(why);
  }

  /**
   * What the log holds comes on its own subject, with a place to acknowledge; whatever its headers say, it is no status.
   * What comes on our inbox is said by the server, and nothing else is.
   */
  #take(msg: Msg): void {
    if (this.#isEnded) return;
    const { subject, reply = '' } = msg;
    if (subject === this.#inbox) this.#takeStatus(msg);
    else if (reply.startsWith(ACKS)) this.#takeStored(msg, reply);
  }

  #takeStored(msg: Msg, reply: string): void {
    const { clock, receive, isTraced } = this.#deps;
    this.#heardAt = clock.monotonic();
    const { streamSequence, deliverySequence, storedAtMs } = positionsOf(reply);
    if (deliverySequence !== this.#delivered + 1) return this.end(`gap: ${this.#delivered}, then ${deliverySequence}`);
    this.#delivered = deliverySequence;
    this.#onMessage({
      seq: streamSequence,
      subject: msg.subject,
      data: msg.data,
      storedAtMs,
      received: receive?.(this.#heardAt),
      traceparent: isTraced ? traceparentOf(msg.headers) : undefined,
    });
  }

  #takeStatus(msg: Msg): void {
    const status = JetStreamStatus.maybeParseStatus(msg);
    if (status === null) return;
    this.#heardAt = this.#deps.clock.monotonic();
    if (status.isFlowControlRequest()) return this.#goOn(msg.reply);
    if (!status.isIdleHeartbeat()) return this.end(status.description);
    this.#goOn(msg.headers?.get('Nats-Consumer-Stalled'));
    const last = Number(msg.headers?.get('Nats-Last-Consumer'));
    if (last !== this.#delivered) this.end(`missed: heard ${this.#delivered}, sent ${last}`);
  }

  /** The server waits there to hear that everything so far has been taken; nothing is ever published elsewhere. */
  #goOn(subject = ''): void {
    if (FLOW_CONTROL.test(subject)) this.#deps.broker.publish(subject);
  }
}

const streamOf = ({ stream = bus.streams.events }: TailDeps): string => stream;

/** The trace context in a message's headers, if there is one. */
export function traceparentOf(headers: MsgHdrs | undefined): string | undefined {
  const text = headers?.get(bus.headers.traceparent);
  return text !== undefined && isTraceparent(text) ? text : undefined;
}

/**
 * The positions in a message's acknowledgement subject (NATS ADR-15): `$JS.ACK.<stream>.<consumer>.<delivered>.
 * <stream seq>.<consumer seq>.<time>.<pending>`, newer servers with domain and account hash after ACK.
 */
export function positionsOf(reply: string): { streamSequence: number; deliverySequence: number; storedAtMs: number } {
  const tokens = reply.split('.');
  const at = tokens.length === 9 ? 5 : 7;
  return {
    streamSequence: Number(tokens[at]),
    deliverySequence: Number(tokens[at + 1]),
    storedAtMs: Math.floor(Number(tokens[at + 2]) / 1e6),
  };
}
