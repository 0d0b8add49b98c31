import type { JetStreamManager } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';

/** Time to read a whole bucket; a broker that goes away in between would keep the reader waiting for ever. */
const READ_MS = 5_000;

export interface BucketContent<T> {
  values: Map<string, T>;
  /** Keys whose values are no JSON. */
  unreadable: string[];
  /** When the bucket was made: another one of the same name is another bucket. */
  created: string;
}

/** Every value of a bucket below `keys`, by key. Throws when the broker is away, or goes away in between. */
export async function readBucket<T>(
  bucket: KV,
  jsm: JetStreamManager,
  { name, keys }: { name: string; keys: string },
): Promise<BucketContent<T>> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${name} not read within ${READ_MS} ms`)), READ_MS);
  });
  try {
    return await Promise.race([readEntries<T>(bucket, jsm, name, keys), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function readEntries<T>(
  bucket: KV,
  jsm: JetStreamManager,
  name: string,
  keys: string,
): Promise<BucketContent<T>> {
  const values = new Map<string, T>();
  const unreadable: string[] = [];
  let entries = 0;
  for await (const entry of await bucket.history({ key: keys })) {
    entries += 1;
    if (entry.operation !== 'PUT') continue;
    try {
      values.set(entry.key, entry.json<T>());
    } catch {
      unreadable.push(entry.key);
    }
  }
  // An interrupted read ends like a complete one, and what is not read would be taken for not there. Asked afterwards:
  // whoever finds the bucket it knows has read that one, and no newer and emptier one.
  const { state, created } = await jsm.streams.info(`KV_${name}`, { subjects_filter: `$KV.${name}.${keys}` });
  const stored = Object.keys(state.subjects ?? {}).length;
  if (entries < stored) throw new Error(`read ${entries} of ${stored} entries of ${name}`);
  return { values, unreadable, created };
}
