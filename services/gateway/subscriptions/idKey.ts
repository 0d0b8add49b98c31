import { randomBytes } from 'node:crypto';
import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import { isErased } from '../bucket.js';

const BYTES = 32;
const ATTEMPTS = 3;

/**
 * The key that the ids of a scope's subscriptions are made with (`subscriptionId`): the one in the bucket ptp_cursors, else a
 * random one. Whichever of several gateways is the first to write has it for all. Throws when the broker is away.
 */
export async function findIdKey(bucket: KV, scope: string): Promise<Buffer> {
  const key = `${scope}.idkey`;
  for (let attempt = 1; ; attempt += 1) {
    const entry = await bucket.get(key);
    const stored = entry === null || isErased(entry) ? undefined : read(entry.string());
    if (stored !== undefined) return stored;
    const ours = randomBytes(BYTES);
    try {
      const previousSeq = entry?.revision ?? 0;
      await bucket.put(key, JSON.stringify({ idKey: ours.toString('base64') }), { previousSeq });
      return ours;
    } catch (err) {
      const isTheirs = err instanceof JetStreamApiError && err.code === JetStreamApiCodes.StreamWrongLastSequence;
      if (!isTheirs || attempt === ATTEMPTS) throw err;
    }
  }
}

/** Undefined when it is no key. */
function read(text: string): Buffer | undefined {
  try {
    const { idKey } = (JSON.parse(text) ?? {}) as { idKey?: unknown };
    const key = typeof idKey === 'string' ? Buffer.from(idKey, 'base64') : undefined;
    return key?.length === BYTES ? key : undefined;
  } catch {
    return undefined;
  }
}
