import { JetStreamApiError, StorageType, type JetStreamManager, type StreamConfig } from '@nats-io/jetstream';
import { bus } from './contract/bus.js';
import { CannotStart } from './service.js';

/** What JetStream answers every time the same stream is asked for again, until somebody changes a setting (ADR 7 of nats-io). */
const LIMITS: Record<number, string> = {
  10002: 'the limits of the account are used up',
  10023: 'the broker has no resources left',
  10027: 'the account has as many streams as it may',
  10028: 'the memory store has no room',
  10047: 'the file store has no room',
  10122: 'the account allows no stream that large',
};
const NO_REPLICAS = 10074;

type Sized = Pick<StreamConfig, 'name' | 'storage' | 'max_bytes'>;

/**
 * Why a stream could not be made, when it is that the broker or its account is too small or is asked for copies it cannot
 * keep: what was wanted, what is there, and the setting. undefined: another reason, which may pass.
 * @param wanted all streams that the service needs; JetStream sets `max_bytes` aside when it makes one
 */
export async function noRoomFor(
  stream: Sized,
  wanted: readonly Sized[],
  err: unknown,
  jsm: JetStreamManager,
): Promise<CannotStart | undefined> {
  if (!(err instanceof JetStreamApiError)) return undefined;
  if (err.code === NO_REPLICAS) {
    return new CannotStart(
      `stream ${stream.name} is to have copies, and the broker is no cluster (${err.message}): set STREAM_REPLICAS to 1`,
      { cause: err },
    );
  }
  const limit = LIMITS[err.code];
  if (limit === undefined) return undefined;
  const isMemory = stream.storage === StorageType.Memory;
  const alike = wanted.filter(({ storage }) => (storage === StorageType.Memory) === isMemory);
  const there = await whatIsThere(jsm, isMemory);
  const setting = isMemory
    ? 'raise max_memory_store of nats-server (max_memory of the account)'
    : 'raise max_file_store of nats-server (max_file of the account), or lower EVENTS_MAX_BYTES, the size of ' +
      `${bus.streams.events} when it is made`;
  return new CannotStart(
    `${limit} for stream ${stream.name}: it wants ${bytes(stream.max_bytes)}, all streams together ` +
      `${bytes(alike.reduce((sum, one) => sum + one.max_bytes, 0))}, ${there} (the broker: ${err.message}); ${setting}`,
    { cause: err },
  );
}

/** The limit where the account has one, and what streams have set aside. The server's own limit it tells nobody. */
async function whatIsThere(jsm: JetStreamManager, isMemory: boolean): Promise<string> {
  const limits = (await jsm.getAccountInfo().catch(() => undefined))?.limits;
  const limit = (isMemory ? limits?.max_memory : limits?.max_storage) ?? -1;
  const reserved = await reservedBytes(jsm, isMemory);
  const taken = reserved === undefined ? '' : `, ${bytes(reserved)} of it set aside for streams that are there`;
  return limit > 0 ? `the account has ${bytes(limit)}${taken}` : `the server has less than that${taken}`;
}

async function reservedBytes(jsm: JetStreamManager, isMemory: boolean): Promise<number | undefined> {
  try {
    let sum = 0;
    for await (const { config } of jsm.streams.list()) {
      if ((config.storage === StorageType.Memory) === isMemory) sum += Math.max(0, config.max_bytes);
    }
    return sum;
  } catch {
    return undefined;
  }
}

/** `1073741824 bytes (1024 MiB)` */
const bytes = (amount: number): string => `${amount} bytes (${Math.round(amount / 1024 ** 2)} MiB)`;
