import { errors, type Dispatcher } from 'undici';
import { errorReason } from '../endpoints/agent.js';
import { outcomeOf, type Outcome } from './outcome.js';

/** Of an answer's body; what it says is nobody's business here. */
const MAX_ANSWER_BYTES = 4_096;

/**
 * One POST under way. Undici is used by its innermost door, `dispatch`: a stream for an answer that nobody reads, and an
 * AbortSignal for each request, would cost more than the request itself.
 */
export class Request implements Dispatcher.DispatchHandler {
  readonly #onEnd: (outcome: Outcome) => void;
  #controller: Dispatcher.DispatchController | undefined;
  /** What it comes to unless the answer says something else. */
  #outcome: Outcome | undefined;
  #isEnded = false;
  #bytes = 0;

  /** @param onEnd called once, with what became of it */
  constructor(onEnd: (outcome: Outcome) => void) {
    this.#onEnd = onEnd;
  }

  send(dispatcher: Dispatcher, options: Dispatcher.DispatchOptions): void {
    try {
      dispatcher.dispatch(options, this);
    } catch (err) {
      this.#end({ kind: 'failed', reason: errorReason(err) });
    }
  }

  /** It says nothing about the endpoint any more. */
  abort(): void {
    this.#cut({ kind: 'stopped' });
  }

  /** @param ms the time that it had */
  timeOut(ms: number): void {
    this.#cut({ kind: 'failed', reason: `no answer within ${ms} ms` });
  }

  // The status decides; a body that breaks off, is too long or never ends is nobody's business.
  #cut(outcome: Outcome): void {
    if (outcome.kind === 'stopped' || this.#outcome === undefined) this.#outcome = outcome;
    if (this.#controller) this.#controller.abort(new errors.RequestAbortedError());
    else this.#end(this.#outcome);
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
    if (statusCode >= 200) this.#outcome ??= outcomeOf(statusCode, headers['retry-after'], Date.now());
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_ANSWER_BYTES) controller.abort(new errors.RequestAbortedError());
  }

  onResponseEnd(): void {
    this.#end(this.#outcome ?? { kind: 'failed', reason: 'no status' });
  }

  onResponseError(_controller: Dispatcher.DispatchController, err: Error): void {
    this.#end(this.#outcome ?? { kind: 'failed', reason: errorReason(err) });
  }
}
