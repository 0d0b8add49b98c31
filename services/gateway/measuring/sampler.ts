import { Fifo } from '../../shared/fifo.js';

interface Options<T> {
  /** Sent a second at most, and at once after a quiet second. */
  perSecond: number;
  /** Keys that may wait; what comes for another one is lost. */
  maxKeys: number;
  send: (one: T, nowMs: number) => void;
  /** Told of what nobody will stand for. */
  onLost: (one: T) => void;
}

interface Waiting<T> {
  key: string;
  one: T;
  sinceMs: number;
}

/** How long one may be held back at most, as long as the rate allows it. */
const HELD_MS = 1_000;

/**
 * Keeps a rate without losing count: what may not be sent is held back, one per key. Whoever has another one of that key adds
 * it to the one that is held, so that nothing is made for what is not sent. It goes with the next one of its key, or alone
 * after a second. Those that have waited so long go first. Pure: time is an argument.
 */
export class Sampler<T> {
  readonly #options: Options<T>;
  readonly #waiting = new Map<string, Waiting<T>>();
  /** In the order in which they began to wait; those that went before their turn are passed over. */
  readonly #order = new Fifo<Waiting<T>>();
  #tokens: number;
  #filledMs: number;

  constructor(options: Options<T>, nowMs: number) {
    this.#options = options;
    this.#tokens = options.perSecond;
    this.#filledMs = nowMs;
  }

  /** The one of a key that is held back. */
  held(key: string): T | undefined {
    return this.#waiting.get(key)?.one;
  }

  /**
   * Sends one now, or holds it back.
   * @param one a new one, or the one that is held of this key and stands for another one now
   */
  offer(key: string, one: T, nowMs: number): void {
    const waiting = this.#waiting.get(key);
    if (this.#mayGo(nowMs)) {
      if (waiting !== undefined) this.#waiting.delete(key);
      this.#go(one, nowMs);
    } else if (waiting === undefined) {
      this.#hold(key, one, nowMs);
    }
  }

  /** Sends what has waited for a second. */
  sendDue(nowMs: number): void {
    this.#sendWaiting(nowMs, nowMs - HELD_MS);
  }

  /** The end: what the rate still allows is sent, the rest is lost. */
  close(nowMs: number): void {
    this.#sendWaiting(nowMs, Infinity);
    for (const { one } of this.#waiting.values()) this.#options.onLost(one);
    this.#waiting.clear();
  }

  #hold(key: string, one: T, nowMs: number): void {
    if (this.#waiting.size >= this.#options.maxKeys) return this.#options.onLost(one);
    const waiting = { key, one, sinceMs: nowMs };
    this.#waiting.set(key, waiting);
    this.#order.push(waiting);
  }

  #sendWaiting(nowMs: number, upToMs: number): void {
    for (let first = this.#order.peek(); first !== undefined; first = this.#order.peek()) {
      const isGone = this.#waiting.get(first.key) !== first;
      if (!isGone) {
        if (first.sinceMs > upToMs || !this.#mayGo(nowMs)) return;
        this.#waiting.delete(first.key);
        this.#go(first.one, nowMs);
      }
      this.#order.shift();
    }
  }

  #mayGo(nowMs: number): boolean {
    const { perSecond } = this.#options;
    this.#tokens = Math.min(perSecond, this.#tokens + ((nowMs - this.#filledMs) * perSecond) / 1_000);
    this.#filledMs = nowMs;
    return this.#tokens >= 1;
  }

  #go(one: T, nowMs: number): void {
    this.#tokens -= 1;
    this.#options.send(one, nowMs);
  }
}
