import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import type { Clock } from '../../shared/clock.js';
import { Doublings } from '../../shared/doublings.js';
import type { Logger } from '../../shared/log.js';
import { BadMessage, checkMessage } from '../../shared/messageChecks.js';
import { isErased } from '../bucket.js';
import type { Cursor } from './cursor.js';

/** A kill costs at most the events settled in this time: they are repeated. */
const SAVE_MS = 250;
/** How often the tail's position is saved while nothing is settled. */
const IDLE_SAVE_MS = 5_000;
/** How often the stored cursor is looked at while there is nothing to save: another gateway may have taken it. */
const LOOK_MS = 2_000;

/** A put that takes longer is looked up: a gateway that stops has no time to lose. */
const PUT_MS = 1_000;

/** Somebody else writes the cursor of this scope. */
export class CursorTaken extends Error {
  override name = 'CursorTaken';
}

interface KeeperDeps {
  bucket: KV;
  key: string;
  epoch: string;
  clock: Clock;
  log: Logger;
  /** The positions as of now. */
  positions: () => Omit<Cursor, 'epoch' | 'n'>;
  onSaved: () => void;
  onTaken: (err: CursorTaken) => void;
  onUnreadable?: (reason: string) => void;
}

/**
 * Saves the cursor by compare-and-set: soon after something was settled, now and then otherwise. Whoever writes last
 * has read what was there, so two gateways of one scope notice each other instead of overwriting, also while nothing
 * happens.
 */
export class CursorKeeper {
  readonly #deps: KeeperDeps;
  #n = 0;
  #revision = 0;
  #lastTail = -1;
  #isDirty = false;
  readonly #failures: Doublings;
  #saving: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lastSaveMs = 0;
  #lastLookMs = 0;
  #isTaken = false;

  constructor(deps: KeeperDeps) {
    this.#deps = deps;
    this.#failures = new Doublings(deps.clock);
  }

  /** Reads what the last owner left; what cannot be read is nothing, and will be overwritten. */
  async load(): Promise<Cursor | undefined> {
    const entry = await this.#deps.bucket.get(this.#deps.key);
    this.#revision = entry?.revision ?? 0;
    if (entry === null || isErased(entry)) return undefined;
    try {
      return checkMessage('Cursor', entry.json<unknown>());
    } catch (err) {
      if (!(err instanceof BadMessage || err instanceof SyntaxError)) throw err;
      this.#deps.onUnreadable?.(err.message);
      return undefined;
    }
  }

  /** Claims the cursor by writing it, and goes on saving. Throws CursorTaken. */
  async start(): Promise<void> {
    await this.save();
    this.#timer = setInterval(() => this.#tick(), SAVE_MS);
  }

  /** How long ago the cursor was saved, ms. */
  get ageMs(): number {
    return this.#deps.clock.monotonic() - this.#lastSaveMs;
  }

  /** Something was settled. */
  changed(): void {
    this.#isDirty = true;
  }

  /** The last save, unless the cursor is somebody else's; afterwards nothing is written any more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#saving?.catch(() => {});
    if (!this.#isTaken) await this.save();
  }

  /** Throws CursorTaken when somebody else wrote, and whatever the broker says while it is away. */
  async save(): Promise<void> {
    const positions = this.#deps.positions();
    this.#isDirty = false;
    this.#n += 1;
    const value: Cursor = { epoch: this.#deps.epoch, n: this.#n, ...positions };
    try {
      this.#revision = await this.#deps.bucket.put(this.#deps.key, JSON.stringify(value), {
        previousSeq: this.#revision,
        timeout: PUT_MS,
      });
    } catch (err) {
      this.#isDirty = true;
      if (!(err instanceof JetStreamApiError) || err.code !== JetStreamApiCodes.StreamWrongLastSequence) throw err;
      if (!(await this.#isStored(err))) return this.save();
    }
    this.#lastTail = positions.tail;
    this.#lastSaveMs = this.#deps.clock.monotonic();
    this.#failures.reset();
    this.#deps.onSaved();
  }

  /** After a conflict: a save that was stored but timed out, this one or an earlier, looks like somebody else's. */
  async #isStored(cause: Error): Promise<boolean> {
    const found = await this.load();
    if (found !== undefined && found.epoch !== this.#deps.epoch) {
      throw new CursorTaken(`another gateway serves ${this.#deps.key}: only one may at a time`, { cause });
    }
    return found?.n === this.#n;
  }

  #tick(): void {
    if (this.#saving !== undefined) return;
    const work = this.#isSaveDue() ? this.save() : this.#isLookDue() ? this.#look() : undefined;
    this.#saving = work
      ?.catch((err: unknown) => {
        if (!(err instanceof CursorTaken)) {
          this.#failures.tell((times) => this.#deps.log.warn({ err, times }, 'cursor not saved, trying again'));
          return;
        }
        this.#isTaken = true;
        clearInterval(this.#timer);
        this.#deps.onTaken(err);
      })
      .finally(() => (this.#saving = undefined));
  }

  #isSaveDue(): boolean {
    if (this.#isDirty) return true;
    const isIdleSaveDue = this.#deps.clock.monotonic() - this.#lastSaveMs >= IDLE_SAVE_MS;
    return isIdleSaveDue && this.#deps.positions().tail !== this.#lastTail;
  }

  #isLookDue(): boolean {
    return this.#deps.clock.monotonic() - Math.max(this.#lastSaveMs, this.#lastLookMs) >= LOOK_MS;
  }

  /** Saves when somebody else has written, which finds out who. Throws CursorTaken. */
  async #look(): Promise<void> {
    this.#lastLookMs = this.#deps.clock.monotonic();
    // While the broker is away nobody can take it; a replica that is behind gives an older one.
    const entry = await this.#deps.bucket.get(this.#deps.key).catch(() => null);
    if (entry !== null && entry.revision > this.#revision) await this.save();
  }
}
