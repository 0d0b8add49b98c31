import { errors, type Dispatcher } from 'undici';
import type { Clock } from '../../shared/clock.js';
import type { Delivery } from '../delivery/delivery.js';
import { errorReason } from '../endpoints/agent.js';
import { CANCELLED, resultOf, type AttemptResult } from './result.js';

/** Of an answer's body; what it says is nobody's business here. */
const MAX_ANSWER_BYTES = 4_096;

/** Who is told of one request. */
export interface RequestOwner {
  /** There is an answer, a status, or there will be none. Called once. */
  answered(delivery: Delivery, answer: number | 'timeout' | 'connection' | 'stopped'): void;
  /** Called once, with what became of it. */
  finish(delivery: Delivery, result: AttemptResult): void;
}

/**
 * One POST under way. Undici is used by its innermost door, `dispatch`: a stream for an answer that nobody reads, and an
 * AbortSignal for each request, would cost more than the request itself.
 */
export class Request implements Dispatcher.DispatchHandler {
  readonly #delivery: Delivery;
  readonly #owner: RequestOwner;
  readonly #clock: Pick<Clock, 'now'>;
  #controller: Dispatcher.DispatchController | undefined;
  /** What it comes to unless the answer says something else. */
  #result: AttemptResult | undefined;
  #isEnded = false;
  #bytes = 0;

  constructor(delivery: Delivery, owner: RequestOwner, clock: Pick<Clock, 'now'>) {
    this.#delivery = delivery;
    this.#owner = owner;
    this.#clock = clock;
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
    this.#cut(CANCELLED, 'stopped');
  }

  /** @param ms the time that it had */
  timeOut(ms: number): void {
    this.#cut({ kind: 'failed', reason: `no answer within ${ms} ms` }, 'timeout');
  }

  // The status decides; a body that breaks off, is too long or never ends is nobody's business.
  #cut(result: AttemptResult, why: 'timeout' | 'stopped'): void {
    if (this.#result === undefined) this.#owner.answered(this.#delivery, why);
    this.#result ??= result;
    if (this.#controller) this.#controller.abort(new errors.RequestAbortedError());
    else this.#end(this.#result);
  }

  #fail(err: unknown): void {
    if (this.#result === undefined) this.#owner.answered(this.#delivery, 'connection');
    this.#end(this.#result ?? { kind: 'failed', reason: errorReason(err) });
  }

  #end(result: AttemptResult): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#owner.finish(this.#delivery, result);
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
    if (statusCode < 200 || this.#result !== undefined) return;
    this.#owner.answered(this.#delivery, statusCode);
    this.#result = resultOf(statusCode, headers['retry-after'], this.#clock.now());
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_ANSWER_BYTES) controller.abort(new errors.RequestAbortedError());
  }

  onResponseEnd(): void {
    this.#end(this.#result ?? { kind: 'failed', reason: 'no status' });
  }

  onResponseError(_controller: Dispatcher.DispatchController, err: Error): void {
    this.#fail(err);
  }
}
