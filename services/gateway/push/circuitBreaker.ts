import type { Clock } from '../../shared/clock.js';
import { Fifo } from '../../shared/fifo.js';
import type { Delivery } from '../delivery/delivery.js';
import { Stage } from '../delivery/stage.js';
import { backoffMs } from './backoff.js';
import { CANCELLED, type AttemptResult } from './result.js';

/** Attempts that one subscription may have in flight: half of the connections to its origin, which others may share. */
const IN_FLIGHT_LIMIT = 8;
/** Failures without a success in between after which it is the endpoint that fails, and not an event. */
const FAILURES = 3;

/** How the endpoint of one subscription does. */
export class Circuit {
  inFlight = 0;
  failures = 0;
  pausedUntilMs = 0;
  /** In their order; made when somebody has to wait. */
  waiting: Fifo<Delivery> | undefined;
  cancelWake: (() => void) | undefined;

  /** Attempt after attempt fails. */
  get isFailing(): boolean {
    return this.failures >= FAILURES;
  }

  /** Nothing is in flight, waits or pauses, and the last attempts worked: a new one would be like this one. */
  isCalm(nowMs: number): boolean {
    return this.inFlight === 0 && this.failures === 0 && nowMs >= this.pausedUntilMs;
  }

  get hasWaiting(): boolean {
    return this.waiting !== undefined && this.waiting.size > 0;
  }
}

/**
 * Breaks the circuit of a subscription whose endpoint fails. While it works, a few attempts are made side by side. When
 * attempt after attempt fails, one at a time is made, after a pause that grows; lanes take turns, so that one event which
 * the endpoint cannot take does not pass for an endpoint that is down. The first success closes the circuit again.
 */
export class CircuitBreaker extends Stage {
  readonly #clock: Clock;
  readonly #random: () => number;

  constructor(clock: Clock, random: () => number) {
    super();
    this.#clock = clock;
    this.#random = random;
  }

  override start(delivery: Delivery): void {
    const { circuit } = delivery.lanes;
    if (delivery.lanes.isStopping) return this.outer.finish(delivery, CANCELLED);
    if (!circuit.hasWaiting && this.#isOpen(circuit)) {
      circuit.inFlight += 1;
      this.inner.start(delivery);
      return;
    }
    (circuit.waiting ??= new Fifo()).push(delivery);
    delivery.waitsIn = this;
    this.#admit(circuit);
  }

  override finish(delivery: Delivery, result: AttemptResult): void {
    const { circuit } = delivery.lanes;
    const wasFailing = circuit.isFailing;
    if (result.kind === 'accepted' || result.kind === 'refused') {
      circuit.failures = 0;
      circuit.pausedUntilMs = 0;
    } else if (result.kind === 'failed') {
      this.#note(circuit, result.afterMs);
    }
    circuit.inFlight -= 1;
    if (circuit.hasWaiting) this.#admit(circuit);
    if (wasFailing && !circuit.isFailing) delivery.lanes.recovered();
    this.outer.finish(delivery, result);
  }

  override cancel(delivery: Delivery): void {
    const { circuit } = delivery.lanes;
    delivery.waitsIn = undefined;
    circuit.waiting?.remove(delivery);
    if (!circuit.hasWaiting) circuit.cancelWake?.();
    this.outer.finish(delivery, CANCELLED);
  }

  /** @param afterMs what the endpoint asked for (`Retry-After`): all of it pauses */
  #note(circuit: Circuit, afterMs: number | undefined): void {
    circuit.failures += 1;
    const pauseMs = circuit.isFailing ? backoffMs(circuit.failures - FAILURES + 1, this.#random()) : 0;
    const untilMs = this.#clock.monotonic() + Math.max(pauseMs, afterMs ?? 0);
    circuit.pausedUntilMs = Math.max(circuit.pausedUntilMs, untilMs);
  }

  #isOpen(circuit: Circuit): boolean {
    if (circuit.inFlight >= (circuit.isFailing ? 1 : IN_FLIGHT_LIMIT)) return false;
    return circuit.pausedUntilMs === 0 || this.#clock.monotonic() >= circuit.pausedUntilMs;
  }

  #admit(circuit: Circuit): void {
    for (let delivery = circuit.waiting?.peek(); delivery !== undefined; delivery = circuit.waiting?.peek()) {
      if (delivery.lanes.isStopping || !this.#isOpen(circuit)) break;
      circuit.waiting?.shift();
      delivery.waitsIn = undefined;
      circuit.inFlight += 1;
      this.inner.start(delivery);
    }
    circuit.cancelWake?.();
    circuit.cancelWake = undefined;
    if (circuit.hasWaiting && this.#clock.monotonic() < circuit.pausedUntilMs) {
      circuit.cancelWake = this.#clock.wakeAt(circuit.pausedUntilMs, () => this.#admit(circuit));
    }
  }
}
