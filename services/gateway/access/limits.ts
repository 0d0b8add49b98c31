import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';

/** More than a limit allows; the message says which limit, and what it is. */
export class TooMany extends Error {
  override name = 'TooMany';
  /** Seconds after which it may be tried again. */
  readonly retryAfterS: number;

  constructor(message: string, retryAfterS: number) {
    super(message);
    this.retryAfterS = retryAfterS;
  }
}

/** So many requests of one caller in a second (`API_RATE`), 0 for any number. */
export class RequestRate {
  readonly #limiter: RateLimiterMemory | undefined;
  readonly #perSecond: number;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    if (perSecond > 0) this.#limiter = new RateLimiterMemory({ points: perSecond, duration: 1 });
  }

  /** Counts a request. Throws TooMany. */
  async count(caller: string): Promise<void> {
    try {
      await this.#limiter?.consume(caller);
    } catch (err) {
      if (!(err instanceof RateLimiterRes)) throw err;
      throw new TooMany(`a caller may send ${this.#perSecond} requests a second (API_RATE)`, 1);
    }
  }
}
