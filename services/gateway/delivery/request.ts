import { errors, type Dispatcher } from 'undici';
import type { Clock } from '../../shared/clock.js';
import type { EndpointAgent } from '../endpoints/agent.js';
import { wasClosedIdle } from '../endpoints/connection.js';
import { failureOf } from '../endpoints/failure.js';
import { outcomeOf, type Outcome } from './outcome.js';

/** Of an answer's body; what it says is nobody's business here. */
const MAX_ANSWER_BYTES = 4_096;

/** Follows one attempt. */
export interface AttemptWatch {
  /** The request goes out now. Gives the trace context that it carries. */
  began(): string;
  /** There is an answer, a status, or there will be none. Called once, after `began`. */
  ended(answer: number | 'timeout' | 'connection' | 'stopped'): void;
}

/**
 * One POST under way. Undici is used by its innermost door, `dispatch`: a stream for an answer that nobody reads, and an
 * AbortSignal for each request, would cost more than the request itself.
 */
export class Request implements Dispatcher.DispatchHandler {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #watch: Pick<AttemptWatch, 'ended'>;
  readonly #onEnd: (outcome: Outcome, cause?: unknown) => void;
  #agent: EndpointAgent | undefined;
  #options: Dispatcher.DispatchOptions | undefined;
  #isSentAgain = false;
  #controller: Dispatcher.DispatchController | undefined;
  /** What it comes to unless the answer says something else. */
  #outcome: Outcome | undefined;
  #isEnded = false;
  #bytes = 0;

  /** @param onEnd called once, with what became of it, and the error that it is due to */
  constructor(
    clock: Pick<Clock, 'now'>,
    watch: Pick<AttemptWatch, 'ended'>,
    onEnd: (outcome: Outcome, cause?: unknown) => void,
  ) {
    this.#clock = clock;
    this.#watch = watch;
    this.#onEnd = onEnd;
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
    this.#cut({ kind: 'stopped' }, 'stopped');
  }

  /** @param ms the time that it had */
  timeOut(ms: number): void {
    this.#cut({ kind: 'failed', reason: `no answer within ${ms} ms` }, 'timeout');
  }

  // The status decides; a body that breaks off, is too long or never ends is nobody's business.
  #cut(outcome: Outcome, why: 'timeout' | 'stopped'): void {
    if (this.#outcome === undefined) {
      this.#watch.ended(why);
      if (why === 'timeout') this.#agent?.unanswered(why);
    }
    this.#outcome ??= outcome;
    if (this.#controller) this.#controller.abort(new errors.RequestAbortedError());
    else this.#end(this.#outcome);
  }

  #fail(err: unknown): void {
    if (this.#outcome !== undefined) return this.#end(this.#outcome);
    if (!this.#isSentAgain && wasClosedIdle(err)) return this.#sendAgain();
    const { why, reason } = failureOf(err);
    this.#watch.ended('connection');
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

  #end(outcome: Outcome, cause?: unknown): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#onEnd(outcome, cause);
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
    if (this.#outcome !== undefined) return;
    this.#watch.ended(statusCode);
    this.#outcome = outcomeOf(statusCode, headers['retry-after'], this.#clock.now());
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_ANSWER_BYTES) controller.abort(new errors.RequestAbortedError());
  }

  onResponseEnd(): void {
    this.#end(this.#outcome ?? { kind: 'failed', reason: 'no status' });
  }

  onResponseError(_controller: Dispatcher.DispatchController, err: Error): void {
    this.#fail(err);
  }
}
