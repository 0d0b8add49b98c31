import type { Clock } from '../../shared/clock.js';
import { Fifo } from '../../shared/fifo.js';
import type { Delivery } from '../delivery/delivery.js';
import { Stage } from '../delivery/stage.js';
import { Endpoints } from './endpoint.js';
import { CANCELLED, type AttemptResult } from './result.js';

/** Attempts to one origin that are waited for at a time. */
const PERMITS = 16;
/** An attempt that has not ended by then gives its permit to the next one, and keeps its connection. */
const SLOW_AFTER_MS = 1_000;
/** Attempts that have given up their permit; with more, they keep it. */
const MOST_SLOW = 48;
/** Those whose last attempt failed slowly begin another one only while fewer than this are slow. */
const SLOW_AT_ONCE = 16;

/** Connections to one origin; the agent never queues, because nobody attempts without a permit. */
export const CONNECTIONS_PER_ORIGIN = PERMITS + MOST_SLOW;

/** What is attempted at one origin, and what waits. */
export class OriginState {
  readonly name: string;
  /** In the order of their beginning. */
  readonly brisk = new Set<Delivery>();
  slowInFlight = 0;
  readonly waiting = new Fifo<Delivery>();
  /** Of subscriptions whose last attempt failed slowly. */
  readonly waitingSlow = new Fifo<Delivery>();
  cancelWake: (() => void) | undefined;

  constructor(name: string) {
    this.name = name;
  }

  get isUnused(): boolean {
    return this.brisk.size + this.slowInFlight + this.waiting.size + this.waitingSlow.size === 0;
  }
}

/**
 * A bulkhead for each origin: so many attempts at a time, in order. Several consumers may stand behind one origin, and those
 * that hang must not keep the others waiting: an attempt that has taken longer than a second is not waited for any more, and
 * a subscription whose attempt has failed so slowly waits with others like it, until its endpoint has answered again.
 */
export class OriginLimiter extends Stage {
  readonly #clock: Clock;
  readonly #endpoints = new Endpoints();
  readonly #origins = new Map<string, OriginState>();
  /** Subscriptions (their records) whose last attempt failed after more than a second. */
  readonly #slow = new WeakSet<object>();

  constructor(clock: Clock) {
    super();
    this.#clock = clock;
  }

  override start(delivery: Delivery): void {
    const { record } = delivery.lanes;
    const { origin: name, path } = this.#endpoints.of(record.endpointUri);
    const origin = this.#originOf(name);
    delivery.origin = origin;
    delivery.path = path;
    if (this.#slow.has(record)) {
      this.#wait(origin, origin.waitingSlow, delivery);
    } else if (origin.waiting.size > 0 || origin.brisk.size >= PERMITS) {
      this.#wait(origin, origin.waiting, delivery);
    } else {
      this.#begin(origin, delivery, false);
    }
  }

  override finish(delivery: Delivery, result: AttemptResult): void {
    const { origin } = delivery;
    if (origin !== undefined) {
      if (delivery.isSlow) origin.slowInFlight -= 1;
      else origin.brisk.delete(delivery);
      this.#noteSlowness(delivery, result);
      this.#leave(origin);
    }
    this.outer.finish(delivery, result);
  }

  override cancel(delivery: Delivery): void {
    const { origin } = delivery;
    delivery.waitsIn = undefined;
    if (origin !== undefined) {
      origin.waiting.remove(delivery);
      origin.waitingSlow.remove(delivery);
      this.#leave(origin);
    }
    this.outer.finish(delivery, CANCELLED);
  }

  #originOf(name: string): OriginState {
    let origin = this.#origins.get(name);
    if (origin === undefined) {
      origin = new OriginState(name);
      this.#origins.set(name, origin);
    }
    return origin;
  }

  #leave(origin: OriginState): void {
    if (origin.waiting.size > 0 || origin.waitingSlow.size > 0) this.#admit(origin);
    else if (origin.isUnused) this.#forget(origin);
  }

  #forget(origin: OriginState): void {
    origin.cancelWake?.();
    if (this.#origins.get(origin.name) === origin) this.#origins.delete(origin.name);
  }

  #noteSlowness({ lanes: { record }, postMs }: Delivery, { kind }: AttemptResult): void {
    if (kind === 'failed' && this.#clock.monotonic() - postMs >= SLOW_AFTER_MS) this.#slow.add(record);
    else if (kind !== 'cancelled') this.#slow.delete(record);
  }

  #wait(origin: OriginState, queue: Fifo<Delivery>, delivery: Delivery): void {
    queue.push(delivery);
    delivery.waitsIn = this;
    this.#admit(origin);
  }

  #begin(origin: OriginState, delivery: Delivery, isSlow: boolean): void {
    delivery.waitsIn = undefined;
    if (delivery.lanes.isStopping) return this.outer.finish(delivery, CANCELLED);
    delivery.isSlow = isSlow;
    delivery.postMs = this.#clock.monotonic();
    if (isSlow) origin.slowInFlight += 1;
    else origin.brisk.add(delivery);
    this.inner.start(delivery);
  }

  #admit(origin: OriginState): void {
    this.#letSlowOnesGo(origin);
    while (origin.brisk.size < PERMITS) {
      const delivery = origin.waiting.shift();
      if (delivery === undefined) break;
      this.#begin(origin, delivery, false);
    }
    while (origin.slowInFlight < SLOW_AT_ONCE) {
      const delivery = origin.waitingSlow.shift();
      if (delivery === undefined) break;
      this.#begin(origin, delivery, true);
    }
    this.#wakeWhenOneIsSlow(origin);
  }

  #letSlowOnesGo(origin: OriginState): void {
    const nowMs = this.#clock.monotonic();
    for (const delivery of origin.brisk) {
      if (nowMs - delivery.postMs < SLOW_AFTER_MS || origin.slowInFlight >= MOST_SLOW) break;
      origin.brisk.delete(delivery);
      delivery.isSlow = true;
      origin.slowInFlight += 1;
    }
  }

  /** Only while somebody waits: at rest, and when all goes well, no timer is needed. One that is set early is set again. */
  #wakeWhenOneIsSlow(origin: OriginState): void {
    if (origin.cancelWake !== undefined) return;
    const [oldest] = origin.brisk;
    if (origin.waiting.size === 0 || oldest === undefined || origin.slowInFlight >= MOST_SLOW) return;
    origin.cancelWake = this.#clock.wakeAt(oldest.postMs + SLOW_AFTER_MS, () => {
      origin.cancelWake = undefined;
      this.#admit(origin);
    });
  }
}
