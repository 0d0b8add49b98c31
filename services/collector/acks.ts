import { createInbox, type Msg, type MsgHdrs } from '@nats-io/transport-node';
import type { NatsConnection } from '../shared/broker.js';

/** no_stream: nobody keeps the subject; answered: the broker says no, a full store for example; no_answer: it says nothing. */
export type NotStored = 'no_stream' | 'answered' | 'no_answer';

/** Why the stream has not acknowledged a message; undefined: it has. */
export type Answer = { reason: NotStored; message: string } | undefined;

interface Waiting {
  untilMs: number;
  done: (answer: Answer) => void;
}

/**
 * Publishes to streams and hears their acknowledgements: one inbox for all, plain callbacks, one timer. What the client's
 * own publish makes for each message (promises, a timer, a request object) was about a tenth of the work in a burst.
 */
export class Acks {
  readonly #broker: NatsConnection;
  readonly #withinMs: number;
  readonly #inbox = `${createInbox()}.`;
  /** By the last part of the reply subject, oldest first. All have the same patience, so the oldest ends first. */
  readonly #waiting = new Map<string, Waiting>();
  #count = 0;
  #isListening = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param withinMs what has no answer by then counts as not stored; the stream may have it none the less */
  constructor(broker: NatsConnection, withinMs: number) {
    this.#broker = broker;
    this.#withinMs = withinMs;
  }

  /** Never throws; `done` is called exactly once, and never before this returns unless the message cannot be sent. */
  publish(subject: string, body: string, headers: MsgHdrs, done: (answer: Answer) => void): void {
    const token = (this.#count++).toString(36);
    try {
      this.#listen();
      this.#broker.publish(subject, body, { headers, reply: this.#inbox + token });
    } catch (err) {
      done({ reason: 'no_answer', message: (err as Error).message });
      return;
    }
    this.#waiting.set(token, { untilMs: performance.now() + this.#withinMs, done });
    if (this.#timer === undefined) this.#wakeIn(this.#withinMs);
  }

  #listen(): void {
    if (this.#isListening) return;
    this.#broker.subscribe(`${this.#inbox}*`, {
      callback: (err, message) => {
        if (err) this.#cannotHear(err);
        else this.#hear(message);
      },
    });
    this.#isListening = true;
  }

  #hear(message: Msg): void {
    const token = message.subject.slice(this.#inbox.length);
    const waiting = this.#waiting.get(token);
    // Too late, and counted as not stored.
    if (waiting === undefined) return;
    this.#waiting.delete(token);
    waiting.done(answerOf(message));
  }

  /** There is no right to the inbox. It is asked for again with the next message. */
  #cannotHear({ message }: Error): void {
    this.#isListening = false;
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { done } of all) done({ reason: 'no_answer', message });
  }

  #wakeIn(ms: number): void {
    this.#timer = setTimeout(() => this.#giveUp(), Math.ceil(ms)).unref();
  }

  #giveUp(): void {
    this.#timer = undefined;
    const nowMs = performance.now();
    for (const [token, { untilMs, done }] of this.#waiting) {
      if (untilMs > nowMs) {
        if (this.#timer === undefined) this.#wakeIn(untilMs - nowMs);
        return;
      }
      this.#waiting.delete(token);
      done({ reason: 'no_answer', message: `no acknowledgement within ${this.#withinMs} ms` });
    }
  }
}

function answerOf(message: Msg): Answer {
  if (message.data.length === 0 && message.headers?.code === 503) {
    return { reason: 'no_stream', message: 'no stream keeps the subject' };
  }
  let ack: { stream?: unknown; error?: { description?: unknown } } | null;
  try {
    ack = message.json();
  } catch {
    ack = null;
  }
  if (ack?.error) return { reason: 'answered', message: String(ack.error.description) };
  if (typeof ack?.stream === 'string' && ack.stream !== '') return undefined;
  return { reason: 'no_answer', message: 'the answer is no acknowledgement' };
}
