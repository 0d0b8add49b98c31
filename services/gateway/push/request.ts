import { errors, type Dispatcher } from 'undici';
import type { Clock } from '../../shared/clock.js';
import type { EndpointAgent } from '../endpoints/agent.js';
import { wasClosedIdle } from '../endpoints/connection.js';
import { failureOf } from '../endpoints/failure.js';
import type { NoAnswer } from '../stages.js';
import { CANCELLED, resultOf, type AttemptResult } from './result.js';

/** Of an answer's body; what it says is nobody's business here. */
const MAX_ANSWER_BYTES = 4_096;

/** Who is told of a request. */
export interface RequestOwner<About> {
  /** There is an answer, a status, or there will be none. Called once. */
  answered(about: About, answer: number | NoAnswer): void;
  /** Called once, with what became of it, and the error that it is due to. */
  finish(about: About, result: AttemptResult, cause?: unknown): void;
}

/** Whose answers have come in this turn: undici has their connections back only after it has told us. */
const answered: { end(): void }[] = [];

function endAnswered(): void {
  for (const request of answered.splice(0)) request.end();
}

/**
 * One POST under way. Undici is used by its innermost door, `dispatch`: a stream for an answer that nobody reads, and an
 * AbortSignal for each request, would cost more than the request itself.
 */
export class Request<About> implements Dispatcher.DispatchHandler {
  readonly #about: About;
  readonly #owner: RequestOwner<About>;
  readonly #clock: Pick<Clock, 'now'>;
  #agent: EndpointAgent | undefined;
  #options: Dispatcher.DispatchOptions | undefined;
  #isSentAgain = false;
  #controller: Dispatcher.DispatchController | undefined;
  /** What it comes to unless the answer says something else. */
  #result: AttemptResult | undefined;
  #isEnded = false;
  #bytes = 0;

  /** @param about handed back to its owner */
  constructor(about: About, owner: RequestOwner<About>, clock: Pick<Clock, 'now'>) {
    this.#about = about;
    this.#owner = owner;
    this.#clock = clock;
  }

  send(agent: EndpointAgent, options: Dispatcher.DispatchOptions): void {
    this.#agent = agent;
    this.#options = options;
    try {
      agent.dispatch(options, this);
    } catch (err) {
      this.#fail(err);
    }
  }

  /** Unless it was answered, it says nothing about the endpoint. */
  abort(): void {
    this.#cut(CANCELLED, 'stopped');
  }

  /** @param ms the time that it had */
  timeOut(ms: number): void {
    this.#cut({ kind: 'failed', reason: `no answer within ${ms} ms` }, 'timeout');
  }

  // The status decides; a body that breaks off, is too long or never ends is nobody's business.
  #cut(result: AttemptResult, why: 'timeout' | 'stopped'): void {
    if (this.#result === undefined) {
      this.#owner.answered(this.#about, why);
      if (why === 'timeout') this.#agent?.unanswered(why);
    }
    this.#result ??= result;
    if (this.#controller) this.#controller.abort(new errors.RequestAbortedError());
    else this.#end(this.#result);
  }

  #fail(err: unknown): void {
    if (this.#result !== undefined) return this.#end(this.#result);
    if (!this.#isSentAgain && wasClosedIdle(err)) return this.#sendAgain();
    const { why, reason } = failureOf(err);
    this.#owner.answered(this.#about, 'connection');
    this.#agent?.unanswered(why);
    this.#end({ kind: 'failed', reason }, err);
  }

  /** Once, and on a connection that cannot have been idle. */
  #sendAgain(): void {
    this.#isSentAgain = true;
    this.#controller = undefined;
    try {
      if (this.#options) this.#agent?.dispatchFresh(this.#options, this);
    } catch (err) {
      this.#fail(err);
    }
  }

  #end(result: AttemptResult, cause?: unknown): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#owner.finish(this.#about, result, cause);
  }

  // --- called by undici

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // It ended while it waited for its connection.
    if (this.#isEnded) controller.abort(new errors.RequestAbortedError());
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (this.#result !== undefined) return;
    this.#owner.answered(this.#about, statusCode);
    this.#result = resultOf(statusCode, headers['retry-after'], this.#clock.now());
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_ANSWER_BYTES) controller.abort(new errors.RequestAbortedError());
  }

  onResponseEnd(): void {
    answered.push(this);
    if (answered.length === 1) queueMicrotask(endAnswered);
  }

  /** Its connection is free. */
  end(): void {
    this.#end(this.#result ?? { kind: 'failed', reason: 'no status' });
  }

  onResponseError(_controller: Dispatcher.DispatchController, err: Error): void {
    this.#fail(err);
  }
}
