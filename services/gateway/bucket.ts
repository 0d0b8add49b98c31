import type { JetStreamManager } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';

/** Time to read a whole bucket; a broker that goes away in between would keep the reader waiting for ever. */
const READ_MS = 5_000;

/** Every value of a bucket below `keys`, by key. Throws when the broker is away, or goes away in between. */
export async function readBucket<T>(
  bucket: KV,
  jsm: JetStreamManager,
  { name, keys }: { name: string; keys: string },
): Promise<Map<string, T>> {
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

async function readEntries<T>(bucket: KV, jsm: JetStreamManager, name: string, keys: string): Promise<Map<string, T>> {
  const values = new Map<string, T>();
  let entries = 0;
  for await (const entry of await bucket.history({ key: keys })) {
    entries += 1;
    if (entry.operation === 'PUT') values.set(entry.key, entry.json<T>());
  }
  // An interrupted read ends like a complete one, and what is not read would be taken for not there.
  const { state } = await jsm.streams.info(`KV_${name}`, { subjects_filter: `$KV.${name}.${keys}` });
  const stored = Object.keys(state.subjects ?? {}).length;
  if (entries < stored) throw new Error(`read ${entries} of ${stored} entries of ${name}`);
  return values;
}
