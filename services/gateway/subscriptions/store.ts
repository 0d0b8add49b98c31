import { JetStreamApiCodes, JetStreamApiError, type JetStreamManager } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import { bus } from '../../shared/contract/bus.js';
import { BadMessage } from '../../shared/messageChecks.js';
import { isErased, readBucket } from '../bucket.js';
import { keyOf } from '../endpoints/sign.js';
import type { Unreadable } from '../unreadable.js';
import { readRecord, type SubscriptionRecord } from './record.js';
import { isSealed, type SecretKeys } from './secretKeys.js';

/** What the bucket holds for a scope. */
export interface StoredSubscriptions {
  records: SubscriptionRecord[];
  /** Ids under which something else is stored: somebody else wrote it. */
  unreadable: string[];
  /** Ids of those whose secret no key opens: they are disabled here, and left as they are in the bucket. */
  closed: string[];
  /** Secrets of an older version that stand there unsealed; each is sealed when its subscription is written next. */
  unsealed: number;
  /** When the bucket was made; another one was made after the store was lost. */
  bucket: string;
}

interface Options {
  jsm: JetStreamManager;
  scope: string;
  secrets: SecretKeys;
  unreadable?: Unreadable;
}

/** The subscriptions of one scope in the bucket ptp_subscriptions, key `<scope>.<id>`. */
export class SubscriptionStore {
  readonly #bucket: KV;
  readonly #jsm: JetStreamManager;
  readonly #scope: string;
  readonly #unreadable: Unreadable | undefined;

  readonly #secrets: SecretKeys;

  constructor(bucket: KV, { jsm, scope, secrets, unreadable }: Options) {
    this.#unreadable = unreadable;
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
    const unreadable: string[] = [];
    const closed: string[] = [];
    let unsealed = 0;
    const shared = new Map<string, string>();
    const { values, created } = await readBucket(this.#bucket, this.#jsm, {
      name: bus.buckets.subscriptions,
      keys: `${this.#scope}.>`,
      read: (value, key) => this.#read(value, key),
      onUnreadable: (key, reason) => {
        unreadable.push(key.slice(this.#scope.length + 1));
        this.#unreadable?.note('subscription', { key, reason });
      },
    });
    const records = Array.from(values.values(), (stored) => {
      if (stored.secret !== undefined && !isSealed(stored.secret)) unsealed += 1;
      const record = this.#opened(stored);
      if (record.secret !== undefined && isSealed(record.secret)) closed.push(record.id);
      shareTexts(record, shared);
      return record;
    });
    return { records, unreadable, closed, unsealed, bucket: created };
  }

  /** Stores a new one, or gives back the one that is there: an earlier attempt may have been stored unseen. */
  async create(record: SubscriptionRecord): Promise<SubscriptionRecord> {
    try {
      await this.#bucket.create(this.#key(record.id), this.#encoded(record));
      return record;
    } catch (err) {
      if (!(err instanceof JetStreamApiError) || err.code !== JetStreamApiCodes.StreamWrongLastSequence) throw err;
      return this.#takeUp(record, err);
    }
  }

  /** What is there already; when it is no subscription it is overwritten. */
  async #takeUp(record: SubscriptionRecord, conflict: Error): Promise<SubscriptionRecord> {
    const key = this.#key(record.id);
    const entry = await this.#bucket.get(key);
    if (entry === null || isErased(entry)) throw conflict;
    try {
      return this.#opened(this.#read(entry.value, key));
    } catch (err) {
      if (!(err instanceof BadMessage)) throw err;
      await this.#bucket.put(key, this.#encoded(record), { previousSeq: entry.revision });
      return record;
    }
  }

  #read(value: Uint8Array, key: string): SubscriptionRecord {
    const record = readRecord(value);
    if (key !== this.#key(record.id)) throw new BadMessage(`it is about ${record.id}`);
    return record;
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

  #key(id: string): string {
    return `${this.#scope}.${id}`;
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
