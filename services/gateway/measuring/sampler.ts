interface Options<T> {
  /** Sent a second at most, and at once after a quiet second. */
  perSecond: number;
  /** Keys that may wait; what comes for another one is lost. */
  maxKeys: number;
  /** Makes one that stands for two; `latest` is the one that is told about. */
  merge: (earlier: T, latest: T) => T;
  send: (one: T, nowMs: number) => void;
  /** Told of what nobody will stand for. */
  onLost: (one: T) => void;
}

/** How long one may be held back at most, as long as the rate allows it. */
const HELD_MS = 1_000;

/**
 * Keeps a rate without losing count: what may not be sent waits, one per key, stands for those before it, and goes with
 * the next one of its key, or alone after a second. Those that have waited so long go first. Pure: time is an argument.
 */
export class Sampler<T> {
  readonly #options: Options<T>;
  /** In the order in which they began to wait. */
  readonly #waiting = new Map<string, { one: T; sinceMs: number }>();
  #tokens: number;
  #filledMs: number;

  constructor(options: Options<T>, nowMs: number) {
    this.#options = options;
    this.#tokens = options.perSecond;
    this.#filledMs = nowMs;
  }

  /** Takes one: sends it now, together with what waits of its key, or holds it back. */
  offer(key: string, one: T, nowMs: number): void {
    const { merge, maxKeys, onLost } = this.#options;
    if (this.#waiting.size > 0) this.sendDue(nowMs);
    const waiting = this.#waiting.get(key);
    const both = waiting === undefined ? one : merge(waiting.one, one);
    if (this.#mayGo(nowMs)) {
      this.#waiting.delete(key);
      this.#go(both, nowMs);
    } else if (waiting !== undefined) {
      waiting.one = both;
    } else if (this.#waiting.size < maxKeys) {
      this.#waiting.set(key, { one, sinceMs: nowMs });
    } else {
      onLost(one);
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

  #sendWaiting(nowMs: number, upToMs: number): void {
    for (const [key, { one, sinceMs }] of this.#waiting) {
      if (sinceMs > upToMs || !this.#mayGo(nowMs)) return;
      this.#waiting.delete(key);
      this.#go(one, nowMs);
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
