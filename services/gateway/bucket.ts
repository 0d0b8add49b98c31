import type { JetStreamManager } from '@nats-io/jetstream';
import type { KV, KvEntry } from '@nats-io/kv';
import { BadMessage } from '../shared/messageChecks.js';

/** Time to read a whole bucket; a broker that goes away in between would keep the reader waiting for ever. */
const READ_MS = 5_000;

export interface BucketContent<T> {
  values: Map<string, T>;
  /** When the bucket was made: another one of the same name is another bucket. */
  created: string;
}

export interface Where<T> {
  name: string;
  /** Only keys below this. */
  keys: string;
  /** The value of a key. Throws BadMessage for what is none. */
  read: (value: Uint8Array, key: string) => T;
  onUnreadable: (key: string, reason: string) => void;
}

/** Whether a key was deleted. (Whatever else the header says, the value is the value.) */
export const isErased = ({ operation }: Pick<KvEntry, 'operation'>): boolean =>
  operation === 'DEL' || operation === 'PURGE';

/** Every value of a bucket below `keys`, by key. Throws when the broker is away, or goes away in between. */
export async function readBucket<T>(bucket: KV, jsm: JetStreamManager, where: Where<T>): Promise<BucketContent<T>> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${where.name} not read within ${READ_MS} ms`)), READ_MS);
  });
  try {
    return await Promise.race([readEntries<T>(bucket, jsm, where), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function readEntries<T>(
  bucket: KV,
  jsm: JetStreamManager,
  { name, keys, read, onUnreadable }: Where<T>,
): Promise<BucketContent<T>> {
  const values = new Map<string, T>();
  let entries = 0;
  for await (const entry of await bucket.history({ key: keys })) {
    entries += 1;
    if (isErased(entry)) continue;
    try {
      values.set(entry.key, read(entry.value, entry.key));
    } catch (err) {
      if (!(err instanceof BadMessage)) throw err;
      onUnreadable(entry.key, err.message);
    }
  }
  // An interrupted read ends like a complete one, and what is not read would be taken for not there. Asked afterwards:
  // whoever finds the bucket it knows has read that one, and no newer and emptier one.
  const { state, created } = await jsm.streams.info(`KV_${name}`, { subjects_filter: `$KV.${name}.${keys}` });
  const stored = Object.keys(state.subjects ?? {}).length;
  if (entries < stored) throw new Error(`read ${entries} of ${stored} entries of ${name}`);
  return { values, created };
}
