import { JetStreamApiCodes, JetStreamApiError, type JetStreamManager } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import { bus } from '../../shared/contract/bus.js';
import { readBucket } from '../bucket.js';
import { isRecord, type SubscriptionRecord } from './record.js';

/** What the bucket holds for a scope. */
export interface StoredSubscriptions {
  records: SubscriptionRecord[];
  /** Keys of what is no subscription: somebody else wrote it. */
  unreadable: string[];
  /** When the bucket was made; another one was made after the store was lost. */
  bucket: string;
}

/** The subscriptions of one scope in the bucket ptp_subscriptions, key `<scope>.<id>`. */
export class SubscriptionStore {
  readonly #bucket: KV;
  readonly #jsm: JetStreamManager;
  readonly #scope: string;

  constructor(bucket: KV, jsm: JetStreamManager, scope: string) {
    this.#bucket = bucket;
    this.#jsm = jsm;
    this.#scope = scope;
  }

  /** Reads them all; throws when the broker went away in between. */
  async load(): Promise<StoredSubscriptions> {
    const where = { name: bus.buckets.subscriptions, keys: `${this.#scope}.>` };
    const { values, unreadable, created } = await readBucket<unknown>(this.#bucket, this.#jsm, where);
    const records: SubscriptionRecord[] = [];
    const shared = new Map<string, string>();
    for (const [key, value] of values) {
      if (isRecord(value) && key === this.#key(value.id)) {
        shareTexts(value, shared);
        records.push(value);
      } else {
        unreadable.push(key);
      }
    }
    return { records, unreadable, bucket: created };
  }

  /** Stores a new one, or gives back the one that is there: an earlier attempt may have been stored unseen. */
  async create(record: SubscriptionRecord): Promise<SubscriptionRecord> {
    try {
      await this.#bucket.create(this.#key(record.id), JSON.stringify(record));
      return record;
    } catch (err) {
      if (!(err instanceof JetStreamApiError) || err.code !== JetStreamApiCodes.StreamWrongLastSequence) throw err;
      const entry = await this.#bucket.get(this.#key(record.id));
      if (entry === null || entry.operation !== 'PUT') throw err;
      return entry.json<SubscriptionRecord>();
    }
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
