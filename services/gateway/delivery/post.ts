import type { Dispatcher } from 'undici';
import { errorReason } from '../endpoints/agent.js';
import { signature } from '../endpoints/sign.js';
import type { DataVersion, SubscriptionRecord } from '../subscriptions/record.js';
import { pushedEvent } from './body.js';
import type { Item } from './lane.js';
import type { AttemptInfo } from './served.js';
import { Slots } from './slots.js';

/** What became of one attempt. */
export type Outcome =
  | { kind: 'settled' }
  /** The consumer will never take this event. */
  | { kind: 'refused'; reason: string }
  /** Nobody is there any more: 410. */
  | { kind: 'gone' }
  | { kind: 'failed'; reason: string; afterMs?: number }
  /** Ended by us: it says nothing about the endpoint. */
  | { kind: 'stopped' };

/** Follows one attempt. */
export interface AttemptWatch {
  /** The request goes out now. Gives the trace context that it carries. */
  began(): string;
  /** There is an answer, a status, or there will be none. Called once, after `began`. */
  ended(answer: number | 'timeout' | 'connection' | 'stopped'): void;
}

/** Answers after which the same request would be answered the same. */
const REFUSALS = new Set([400, 413, 414, 415, 422]);

const TOTAL_MS = 10_000;
const LONGEST_RETRY_AFTER_MS = 15 * 60_000;
/** Of an answer's body; what it says is nobody's business here. */
const MAX_ANSWER_BYTES = 4_096;

/** Connections to one origin; the agent never queues, because nobody attempts without a slot. */
export const CONNECTIONS_PER_ORIGIN = 16;

/** Posts events to endpoints, so many at a time to each origin. */
export class Poster {
  readonly #agent: Dispatcher;
  readonly #defaultNames: DataVersion;
  readonly #origins = new Map<string, { slots: Slots; users: number }>();

  constructor(agent: Dispatcher, defaultNames: DataVersion) {
    this.#agent = agent;
    this.#defaultNames = defaultNames;
  }

  /**
   * One attempt. 2xx settles the item, 410 says that the consumer is gone, some answers that it will never take it;
   * anything else, a time-out and a broken connection ask for another attempt. Never rejects.
   */
  async post(
    record: SubscriptionRecord,
    item: Item,
    info: AttemptInfo,
    signal: AbortSignal,
    watch: AttemptWatch,
  ): Promise<Outcome> {
    const url = new URL(record.endpointUri);
    const origin = this.#use(url.origin);
    const giveBack = await origin.slots.take(signal);
    try {
      if (giveBack === undefined) return { kind: 'stopped' };
      return await this.#send(url, record, item, info, signal, watch);
    } finally {
      giveBack?.();
      this.#leave(url.origin, origin);
    }
  }

  async #send(
    url: URL,
    record: SubscriptionRecord,
    { event, logged }: Item,
    { n, missed }: AttemptInfo,
    signal: AbortSignal,
    watch: AttemptWatch,
  ): Promise<Outcome> {
    const body = JSON.stringify(pushedEvent(event, record.dataVersion ?? this.#defaultNames));
    const { limit, done } = limited(signal, TOTAL_MS);
    try {
      const {
        statusCode,
        headers,
        body: answer,
      } = await this.#agent.request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'ptp-subscription-id': record.id,
          'ptp-sequence': event.sequence,
          'ptp-attempt': String(n),
          ...(logged === undefined && { 'ptp-initial': 'true' }),
          ...(missed !== 0 && { 'ptp-missed-events': String(missed) }),
          traceparent: watch.began(),
          ...signature(record.secret, { id: event.id, body }, Date.now()),
        },
        body,
        signal: limit,
      });
      watch.ended(statusCode);
      // The status decides; a body that breaks off or never ends is nobody's business.
      await answer.dump({ limit: MAX_ANSWER_BYTES, signal: limit }).catch(() => {});
      return outcomeOf(statusCode, headers['retry-after'], Date.now());
    } catch (err) {
      if (signal.aborted) watch.ended('stopped');
      else watch.ended(limit.aborted ? 'timeout' : 'connection');
      if (signal.aborted) return { kind: 'stopped' };
      return { kind: 'failed', reason: limit.aborted ? `no answer within ${TOTAL_MS} ms` : errorReason(err) };
    } finally {
      done();
    }
  }

  #use(name: string): { slots: Slots; users: number } {
    const origin = this.#origins.get(name) ?? { slots: new Slots(CONNECTIONS_PER_ORIGIN), users: 0 };
    origin.users += 1;
    this.#origins.set(name, origin);
    return origin;
  }

  #leave(name: string, origin: { users: number }): void {
    origin.users -= 1;
    if (origin.users === 0) this.#origins.delete(name);
  }
}

/** What an answer means for the event. */
export function outcomeOf(statusCode: number, retryAfter: string | string[] | undefined, now: number): Outcome {
  if (statusCode >= 200 && statusCode < 300) return { kind: 'settled' };
  if (statusCode === 410) return { kind: 'gone' };
  if (REFUSALS.has(statusCode)) return { kind: 'refused', reason: `answered ${statusCode}` };
  const afterMs = retryAfterMs(retryAfter, now);
  return { kind: 'failed', reason: `answered ${statusCode}`, ...(afterMs !== undefined && { afterMs }) };
}

/** A signal that aborts with another one or after a time. (AbortSignal.any keeps every child of a long-lived signal.) */
export function limited(signal: AbortSignal, ms: number): { limit: AbortSignal; done: () => void } {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  const timer = setTimeout(abort, ms);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  return {
    limit: controller.signal,
    done: () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    },
  };
}

/** RFC 9110 §10.2.3: seconds or a date; at most a quarter of an hour is believed. */
export function retryAfterMs(header: string | string[] | undefined, now: number): number | undefined {
  if (typeof header !== 'string') return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), LONGEST_RETRY_AFTER_MS);
}
