import { errors, type Dispatcher } from 'undici';
import type { Clock } from '../../shared/clock.js';
import { errorReason } from '../endpoints/agent.js';
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
  readonly #onEnd: (outcome: Outcome) => void;
  #controller: Dispatcher.DispatchController | undefined;
  /** What it comes to unless the answer says something else. */
  #outcome: Outcome | undefined;
  #isEnded = false;
  #bytes = 0;

  /** @param onEnd called once, with what became of it */
  constructor(clock: Pick<Clock, 'now'>, watch: Pick<AttemptWatch, 'ended'>, onEnd: (outcome: Outcome) => void) {
    this.#clock = clock;
    this.#watch = watch;
    this.#onEnd = onEnd;
  }

  send(dispatcher: Dispatcher, options: Dispatcher.DispatchOptions): void {
    try {
      dispatcher.dispatch(options, this);
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
    if (this.#outcome === undefined) this.#watch.ended(why);
    this.#outcome ??= outcome;
    if (this.#controller) this.#controller.abort(new errors.RequestAbortedError());
    else this.#end(this.#outcome);
  }

  #fail(err: unknown): void {
    if (this.#outcome === undefined) this.#watch.ended('connection');
    this.#end(this.#outcome ?? { kind: 'failed', reason: errorReason(err) });
  }

  #end(outcome: Outcome): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#onEnd(outcome);
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
    // Of 100 Continue and its like the answer itself follows.
    if (statusCode < 200 || this.#outcome !== undefined) return;
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
