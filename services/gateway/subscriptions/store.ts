import { JetStreamApiCodes, JetStreamApiError, type JetStreamManager } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import { bus } from '../../shared/contract/bus.js';
import { BadMessage } from '../../shared/messageChecks.js';
import { isErased, readBucket } from '../bucket.js';
import type { Unreadable } from '../unreadable.js';
import { readRecord, type SubscriptionRecord } from './record.js';

/** What the bucket holds for a scope. */
export interface StoredSubscriptions {
  records: SubscriptionRecord[];
  /** Ids under which something else is stored: somebody else wrote it. */
  unreadable: string[];
  /** When the bucket was made; another one was made after the store was lost. */
  bucket: string;
}

/** The subscriptions of one scope in the bucket ptp_subscriptions, key `<scope>.<id>`. */
export class SubscriptionStore {
  readonly #bucket: KV;
  readonly #jsm: JetStreamManager;
  readonly #scope: string;
  readonly #unreadable: Unreadable | undefined;

  constructor(bucket: KV, jsm: JetStreamManager, scope: string, unreadable?: Unreadable) {
    this.#unreadable = unreadable;
    this.#bucket = bucket;
    this.#jsm = jsm;
    this.#scope = scope;
  }

  /** Reads them all; throws when the broker went away in between. */
  async load(): Promise<StoredSubscriptions> {
    const unreadable: string[] = [];
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
    const records = [...values.values()];
    for (const record of records) shareTexts(record, shared);
    return { records, unreadable, bucket: created };
  }

  /** Stores a new one, or gives back the one that is there: an earlier attempt may have been stored unseen. */
  async create(record: SubscriptionRecord): Promise<SubscriptionRecord> {
    try {
      await this.#bucket.create(this.#key(record.id), JSON.stringify(record));
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
      return this.#read(entry.value, key);
    } catch (err) {
      if (!(err instanceof BadMessage)) throw err;
      await this.#bucket.put(key, JSON.stringify(record), { previousSeq: entry.revision });
      return record;
    }
  }

  #read(value: Uint8Array, key: string): SubscriptionRecord {
    const record = readRecord(value);
    if (key !== this.#key(record.id)) throw new BadMessage(`it is about ${record.id}`);
    return record;
  }

  async put(record: SubscriptionRecord): Promise<void> {
    await this.#bucket.put(this.#key(record.id), JSON.stringify(record));
  }

  async delete(id: string): Promise<void> {
    await this.#bucket.delete(this.#key(id));
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
