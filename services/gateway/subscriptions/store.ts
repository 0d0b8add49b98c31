import { randomBytes } from 'node:crypto';
import { JetStreamApiCodes, JetStreamApiError, type JetStreamManager } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import { bus } from '../../shared/contract/bus.js';
import { readBucket } from '../bucket.js';
import { keyOf } from '../endpoints/sign.js';
import { isRecord, type SubscriptionRecord } from './record.js';
import { isSealed, type SecretKeys } from './secretKeys.js';

/** What the bucket holds for a scope. */
export interface StoredSubscriptions {
  records: SubscriptionRecord[];
  /** Keys of what is no subscription: somebody else wrote it. */
  unreadable: string[];
  /** Ids of those whose secret no key opens: they are disabled here, and left as they are in the bucket. */
  closed: string[];
  /** Secrets of an older version that stand there unsealed; each is sealed when its subscription is written next. */
  unsealed: number;
  /** The key that ids are made with (`subscriptionId`). */
  idKey: Buffer;
  /** When the bucket was made; another one was made after the store was lost. */
  bucket: string;
}

/** Name of the key of ids below the scope: no id is called so. */
const ID_KEY = 'idkey';
const ID_KEY_BYTES = 32;

/** The subscriptions of one scope in the bucket ptp_subscriptions, key `<scope>.<id>`, and the key that ids are made with. */
export class SubscriptionStore {
  readonly #bucket: KV;
  readonly #jsm: JetStreamManager;
  readonly #scope: string;

  readonly #secrets: SecretKeys;
  #idKey: Buffer | undefined;

  constructor(bucket: KV, { jsm, scope, secrets }: { jsm: JetStreamManager; scope: string; secrets: SecretKeys }) {
    this.#bucket = bucket;
    this.#jsm = jsm;
    this.#scope = scope;
    this.#secrets = secrets;
  }

  /** Whether a secret can be kept. Throws NoSecretKey. */
  checkSecrets(): void {
    this.#secrets.check();
  }

  /** Reads them all; throws when the broker went away in between. */
  async load(): Promise<StoredSubscriptions> {
    const where = { name: bus.buckets.subscriptions, keys: `${this.#scope}.>` };
    const { values, unreadable, created } = await readBucket<unknown>(this.#bucket, this.#jsm, where);
    const records: SubscriptionRecord[] = [];
    const closed: string[] = [];
    let unsealed = 0;
    const shared = new Map<string, string>();
    const idKey = await this.#knownIdKey({
      stored: values.get(this.#key(ID_KEY)),
      isThere: values.delete(this.#key(ID_KEY)) || unreadable.includes(this.#key(ID_KEY)),
    });
    for (const [key, value] of values) {
      if (isRecord(value) && key === this.#key(value.id)) {
        if (value.secret !== undefined && !isSealed(value.secret)) unsealed += 1;
        const record = this.#opened(value);
        if (record.secret !== undefined && isSealed(record.secret)) closed.push(record.id);
        shareTexts(record, shared);
        records.push(record);
      } else {
        unreadable.push(key);
      }
    }
    return { records, unreadable, closed, unsealed, idKey, bucket: created };
  }

  /** Stores a new one, or gives back the one that is there: an earlier attempt may have been stored unseen. */
  async create(record: SubscriptionRecord): Promise<SubscriptionRecord> {
    try {
      await this.#bucket.create(this.#key(record.id), this.#encoded(record));
      return record;
    } catch (err) {
      if (!(err instanceof JetStreamApiError) || err.code !== JetStreamApiCodes.StreamWrongLastSequence) throw err;
      const entry = await this.#bucket.get(this.#key(record.id));
      if (entry === null || entry.operation !== 'PUT') throw err;
      return this.#opened(entry.json<SubscriptionRecord>());
    }
  }

  async put(record: SubscriptionRecord): Promise<void> {
    await this.#bucket.put(this.#key(record.id), this.#encoded(record));
  }

  async delete(id: string): Promise<void> {
    await this.#bucket.delete(this.#key(id));
  }

  #encoded(record: SubscriptionRecord): string {
    if (record.secret === undefined) return JSON.stringify(record);
    return JSON.stringify({ ...record, secret: this.#secrets.seal(record.secret, this.#key(record.id)) });
  }

  /** Nothing is ever sent unsigned that has to be signed: without its key a subscription is disabled. */
  #opened(record: SubscriptionRecord): SubscriptionRecord {
    if (record.secret === undefined) return record;
    const secret = this.#secrets.open(record.secret, this.#key(record.id));
    if (secret !== undefined && keyOf(secret) !== undefined) return { ...record, secret };
    const kept = isSealed(record.secret) ? record.secret : 'sealed:';
    return { ...record, secret: kept, disabledAt: record.disabledAt ?? record.createdAt };
  }

  /**
   * The key of ids, as long as this process runs: the one that is stored, or a random one. Whichever of several gateways is
   * the first to write it has it for all.
   */
  async #knownIdKey({ stored, isThere }: { stored: unknown; isThere: boolean }): Promise<Buffer> {
    const theirs = idKeyOf(stored);
    this.#idKey ??= theirs;
    if (this.#idKey !== undefined && theirs !== undefined) return this.#idKey;
    const ours = this.#idKey ?? randomBytes(ID_KEY_BYTES);
    const where = this.#key(ID_KEY);
    const value = JSON.stringify({ idKey: ours.toString('base64') });
    try {
      await (isThere ? this.#bucket.put(where, value) : this.#bucket.create(where, value));
      this.#idKey = ours;
    } catch (err) {
      if (!(err instanceof JetStreamApiError) || err.code !== JetStreamApiCodes.StreamWrongLastSequence) throw err;
      const entry = await this.#bucket.get(where);
      this.#idKey ??= idKeyOf(entry?.operation === 'PUT' ? parsed(entry.string()) : undefined);
      // Deleted again in between, or no key: the next attempt to load makes one.
      if (this.#idKey === undefined) throw err;
    }
    return this.#idKey;
  }

  #key(id: string): string {
    return `${this.#scope}.${id}`;
  }
}

function idKeyOf(stored: unknown): Buffer | undefined {
  const { idKey } = (stored ?? {}) as { idKey?: unknown };
  const key = typeof idKey === 'string' ? Buffer.from(idKey, 'base64') : undefined;
  return key?.length === ID_KEY_BYTES ? key : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Thousands of records say the same in some places; one copy of each text is enough. */
function shareTexts(record: SubscriptionRecord, shared: Map<string, string>): void {
  const one = (text: string): string => {
    const known = shared.get(text) ?? text;
    shared.set(text, known);
    return known;
  };
  record.owner = one(record.owner);
  record.stream = one(record.stream);
  record.endpointUri = one(record.endpointUri);
  record.filter.path = one(record.filter.path);
}
