import { TooMany } from '../access/limits.js';
import { Slots } from '../delivery/slots.js';

/** Checks that run at a time: of one caller, and of all. A check is a request to whatever URL a caller names. */
const PER_CALLER = 8;
const AT_ONCE = 64;
/** Longest wait for a turn: with the check itself it stays below the 2 s that v1 clients wait. */
const WAIT_MS = 400;

/** Lets only so many endpoint checks run at a time, so that nobody can have us flood a third party, or all others wait. */
export class EndpointChecks {
  readonly #all = new Slots(AT_ONCE);
  readonly #callers = new Map<string, { slots: Slots; users: number }>();

  /** Runs a check when it is its turn. Throws TooMany when that does not come soon. */
  async run(caller: string, check: () => Promise<void>): Promise<void> {
    const own = this.#callers.get(caller) ?? { slots: new Slots(PER_CALLER), users: 0 };
    own.users += 1;
    this.#callers.set(caller, own);
    const limit = AbortSignal.timeout(WAIT_MS);
    const giveBackOwn = await own.slots.take(limit);
    const giveBack = giveBackOwn && (await this.#all.take(limit));
    try {
      if (giveBack === undefined) {
        throw new TooMany(`${PER_CALLER} endpoint checks of a caller may run at a time, and ${AT_ONCE} of all`, 1);
      }
      await check();
    } finally {
      giveBack?.();
      giveBackOwn?.();
      own.users -= 1;
      if (own.users === 0) this.#callers.delete(caller);
    }
  }
}
