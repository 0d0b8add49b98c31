import { setTimeout as pause } from 'node:timers/promises';
import {
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type JetStreamManager,
  type StreamConfig,
} from '@nats-io/jetstream';
import { nanos, PermissionViolationError } from '@nats-io/transport-node';
import { bus } from './contract/bus.js';
import { Doublings } from './doublings.js';
import type { Env } from './env.js';
import { MAX_EVENT_BYTES } from './event.js';
import type { Logger } from './log.js';
import { noRoomFor } from './noRoom.js';

const HOUR_MS = 3_600_000;
const MiB = 1024 * 1024;
/** A message carries its headers too: id, stage times. */
export const MAX_HEADER_BYTES = 4_096;
const BUCKET_BYTES = 64 * MiB;
/** 20 000 nodes with a reason each. */
const MAINTENANCE_BYTES = 16 * MiB;
const RETRY_MS = 1_000;

export interface StreamSettings {
  /** Copies of each stream: 1, 3 or 5 (`STREAM_REPLICAS`). */
  replicas: number;
  /** The log's size, the real limit of its retention (`EVENTS_MAX_BYTES`). */
  eventsMaxBytes: number;
}

export function readStreamSettings(env: Env): StreamSettings {
  return {
    replicas: env.integer('STREAM_REPLICAS', {
      what: 'copies of each stream that a service makes: 1, 3 or 5',
      unit: 'copies',
      fallback: 1,
      min: 1,
      max: 5,
    }),
    eventsMaxBytes: env.size('EVENTS_MAX_BYTES', {
      what: 'size of the log, the real limit of its retention',
      fallback: '1Gi',
      min: '1Mi',
      max: '8Ti',
    }),
  };
}

/** Every stream is tried again and again, and looked after every minute. */
const troubles = new Doublings();

type Wanted = Partial<StreamConfig> & Pick<StreamConfig, 'name' | 'storage' | 'max_bytes'>;

/**
 * What the streams and buckets must be like: the buckets, the dead letters, the canaries, and the log. The log comes last:
 * its size is a setting, so when there is no room for all, a smaller one helps.
 */
export function wantedStreams({ replicas, eventsMaxBytes }: StreamSettings): Wanted[] {
  const events: Wanted = {
    name: bus.streams.events,
    subjects: [`${bus.subjects.events}.>`],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    max_age: nanos(72 * HOUR_MS),
    max_bytes: eventsMaxBytes,
    max_msg_size: MAX_EVENT_BYTES + MAX_HEADER_BYTES,
    duplicate_window: nanos(10 * 60_000),
    allow_direct: true,
    num_replicas: replicas,
  };
  const deadLetters: Wanted = {
    name: bus.streams.deadLetters,
    subjects: [`${bus.subjects.deadLetters}.>`],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    max_age: nanos(7 * 24 * HOUR_MS),
    max_bytes: BUCKET_BYTES,
    duplicate_window: nanos(10 * 60_000),
    allow_direct: true,
    num_replicas: replicas,
  };
  const canary: Wanted = {
    name: bus.streams.canary,
    subjects: [`${bus.subjects.canary}.>`],
    storage: StorageType.Memory,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    max_age: nanos(5 * 60_000),
    max_bytes: 32 * MiB,
    max_msg_size: MAX_EVENT_BYTES + MAX_HEADER_BYTES,
    duplicate_window: nanos(2 * 60_000),
    allow_direct: true,
    num_replicas: 1,
  };
  const bucket = (name: string): Wanted => ({
    name: `KV_${name}`,
    subjects: [`$KV.${name}.>`],
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    max_msgs_per_subject: 1,
    max_bytes: name === bus.buckets.maintenance ? MAINTENANCE_BYTES : BUCKET_BYTES,
    allow_direct: true,
    deny_delete: true,
    // With roll-up headers, the right to write one's own key would be enough to erase everybody's.
    allow_rollup_hdrs: false,
    num_replicas: replicas,
  });
  return [...Object.values(bus.buckets).map(bucket), deadLetters, canary, events];
}

/**
 * Makes the streams and buckets that do not exist yet. Existing ones are never changed; settings that differ are
 * reported. Without the right to make them, it says so and leaves them to a service that has it. While JetStream
 * does not answer it tries again, until `signal` is aborted. Throws CannotStart where the broker or the account is too
 * small for them: asking again would be answered the same.
 */
export async function ensureStreams(
  jsm: JetStreamManager,
  settings: StreamSettings,
  { log, signal }: { log: Logger; signal?: AbortSignal },
): Promise<void> {
  const all = wantedStreams(settings);
  for (const wanted of all) {
    while (!signal?.aborted) {
      try {
        const existing = await makeIfMissing(jsm, wanted, log);
        if (existing !== undefined) reportDiffering(existing, wanted, log);
        break;
      } catch (err) {
        const noRoom = await noRoomFor(wanted, all, err, jsm);
        if (noRoom) throw noRoom;
        troubles.tell(
          (times) => log.warn({ err, stream: wanted.name, times }, 'stream not ready, trying again'),
          wanted.name,
        );
        await pause(RETRY_MS);
      }
    }
  }
}

/** Makes the streams and buckets that are gone while the service runs. Rejects when JetStream does not answer. */
export async function mendStreams(jsm: JetStreamManager, settings: StreamSettings, log: Logger): Promise<void> {
  for (const wanted of wantedStreams(settings)) await makeIfMissing(jsm, wanted, log);
}

/** The settings of the stream that is there; undefined when it was made, or when others have to make it. */
async function makeIfMissing(jsm: JetStreamManager, wanted: Wanted, log: Logger): Promise<StreamConfig | undefined> {
  try {
    return (await jsm.streams.info(wanted.name)).config;
  } catch (err) {
    if (err instanceof PermissionViolationError) return leftToOthers(wanted, log);
    if (!(err instanceof JetStreamApiError) || err.code !== JetStreamApiCodes.StreamNotFound) throw err;
  }
  try {
    await jsm.streams.add(wanted);
    log.info({ stream: wanted.name }, 'made the stream');
  } catch (err) {
    if (err instanceof PermissionViolationError) return leftToOthers(wanted, log);
    throw err;
  }
  return undefined;
}

function leftToOthers({ name }: Wanted, log: Logger): undefined {
  troubles.tell(
    (times) => log.warn({ stream: name, times }, 'no right to make the stream, waiting for a service that has it'),
    `${name} no right`,
  );
  return undefined;
}

function reportDiffering(existing: StreamConfig, wanted: Wanted, log: Logger): void {
  const differing = Object.entries(wanted)
    .filter(([key, value]) => !sameSetting(existing[key as keyof StreamConfig], value))
    .map(
      ([key, value]) =>
        `${key}: is ${JSON.stringify(existing[key as keyof StreamConfig])}, should be ${JSON.stringify(value)}`,
    );
  if (differing.length > 0)
    log.warn({ stream: wanted.name, differing }, 'the stream exists with other settings, left as it is');
}

// The server leaves out what is false.
const sameSetting = (is: unknown, wanted: unknown): boolean =>
  JSON.stringify(is ?? false) === JSON.stringify(wanted ?? false);
