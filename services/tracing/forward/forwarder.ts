import { Pool } from 'undici';
import { sleep, type Clock } from '../../shared/clock.js';
import { Doublings } from '../../shared/doublings.js';
import type { Logger } from '../../shared/log.js';
import type { Encoding, Export } from '../receive/encoding.js';
import { ForwardQueue, type Batch } from './queue.js';

/** Where spans are forwarded to. */
export interface ForwardSettings {
  /** URL that requests are posted to. */
  url: URL;
  /** Secret: they may hold a token. */
  headers: Record<string, string>;
  queueBytes: number;
}

export interface ForwardDeps {
  clock: Clock;
  log: Logger;
  /** Spans by what became of them. */
  count: (outcome: 'sent' | 'failed' | 'dropped', spans: number) => void;
  /** From 0 (included) to 1, for the jitter. */
  random?: () => number;
}

const REQUEST_MS = 10_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
/** A Retry-After that asks for more is cut: the queue would only overflow meanwhile. */
const LONGEST_ASKED_MS = 300_000;
/** Time the queue has to drain when the service stops. */
const FLUSH_MS = 2_000;
/** The specification's list of what may be tried again. */
const RETRYABLE: readonly number[] = [429, 502, 503, 504];

type Attempt = { is: 'sent' } | { is: 'refused'; status: number } | { is: 'failed'; askedMs: number; why: string };

/**
 * Sends what was received on to another OTLP/HTTP receiver, one request at a time, in order: again with exponential
 * back-off while that receiver is away or overloaded. What does not fit in the queue meanwhile is dropped and counted.
 */
export class Forwarder {
  readonly #settings: ForwardSettings;
  readonly #deps: ForwardDeps;
  readonly #pool: Pool;
  readonly #queue: ForwardQueue;
  readonly #given = new AbortController();
  readonly #refusals: Doublings;
  #sending: Promise<void> | undefined;
  #isAway = false;

  constructor(settings: ForwardSettings, deps: ForwardDeps) {
    this.#settings = settings;
    this.#deps = deps;
    this.#refusals = new Doublings(deps.clock);
    this.#queue = new ForwardQueue(settings.queueBytes);
    this.#pool = new Pool(settings.url.origin, { connections: 1, headersTimeout: REQUEST_MS, bodyTimeout: REQUEST_MS });
  }

  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  /** Takes a request; never waits. */
  add(encoding: Encoding, request: Export): void {
    const spans = request.spans.length;
    if (!this.#queue.add({ encoding, bytes: request.piece(), spans })) return this.#deps.count('dropped', spans);
    this.#sending ??= this.#sendAll();
  }

  /** Sends what still waits, for 2 s at most; the rest counts as dropped. */
  async stop(): Promise<void> {
    const { clock, count } = this.#deps;
    const cancel = clock.wakeAt(clock.monotonic() + FLUSH_MS, () => this.#given.abort());
    await this.#sending;
    cancel();
    if (this.#queue.spans > 0) count('dropped', this.#queue.spans);
    await this.#pool.destroy();
  }

  async #sendAll(): Promise<void> {
    let batch = this.#queue.take();
    while (batch !== undefined) {
      await this.#send(batch);
      batch = this.#given.signal.aborted ? undefined : this.#queue.take();
    }
    this.#sending = undefined;
  }

  /** Until it is sent, refused, or given up because the service stops. */
  async #send(batch: Batch): Promise<void> {
    const { clock, log, count, random = Math.random } = this.#deps;
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(LONGEST_WAIT_MS, 2 * waitMs)) {
      const attempt = await this.#post(batch);
      if (attempt.is === 'sent') {
        if (this.#isAway) log.info('spans are forwarded again');
        this.#isAway = false;
        return count('sent', batch.spans);
      }
      if (attempt.is === 'refused') {
        const { status } = attempt;
        this.#refusals.tell(
          (times) => log.warn({ status, spans: batch.spans, times }, 'the receiver of forwarded spans refused some'),
          String(status),
        );
        return count('failed', batch.spans);
      }
      if (!this.#isAway) log.warn({ why: attempt.why }, 'spans cannot be forwarded, trying again');
      this.#isAway = true;
      await sleep(clock, Math.max(attempt.askedMs, random() * waitMs), this.#given.signal);
      if (this.#given.signal.aborted) return count('dropped', batch.spans);
    }
  }

  async #post({ encoding, body }: Batch): Promise<Attempt> {
    const { url, headers } = this.#settings;
    try {
      const answer = await this.#pool.request({
        path: url.pathname,
        method: 'POST',
        headers: { ...headers, 'content-type': encoding.contentType },
        body,
        signal: AbortSignal.any([this.#given.signal, AbortSignal.timeout(REQUEST_MS)]),
      });
      await answer.body.dump({ limit: 65_536 }).catch(() => undefined);
      if (answer.statusCode >= 200 && answer.statusCode < 300) return { is: 'sent' };
      if (!RETRYABLE.includes(answer.statusCode)) return { is: 'refused', status: answer.statusCode };
      const askedMs = retryAfterMs(answer.headers['retry-after'], this.#deps.clock.now());
      return { is: 'failed', askedMs, why: `status ${answer.statusCode}` };
    } catch (err) {
      // The message of a connection error may name the address, but never the headers.
      return { is: 'failed', askedMs: 0, why: (err as NodeJS.ErrnoException).code ?? (err as Error).name };
    }
  }
}

/** Retry-After in ms: seconds or a date (RFC 9110 §10.2.3); 0 when there is none. */
export function retryAfterMs(header: string | string[] | undefined, nowMs: number): number {
  if (typeof header !== 'string') return 0;
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - nowMs;
  return Number.isFinite(ms) ? Math.min(LONGEST_ASKED_MS, Math.max(0, ms)) : 0;
}
