import { JetStreamApiCodes, JetStreamApiError, type JetStreamManager, type StreamInfo } from '@nats-io/jetstream';
import { isForbidden } from '../shared/broker.js';
import { bus } from '../shared/contract/bus.js';

/** Everything that the services keep. */
const STREAMS = [...Object.values(bus.streams), ...Object.values(bus.buckets).map((bucket) => `KV_${bucket}`)];

interface StreamFigures {
  bytes: number;
  maxBytes: number | undefined;
  messages: number;
  lastSequence: number;
  retentionSeconds: number | undefined;
}

/** As of the last look; undefined is what is not known, or has no limit. */
export interface JetStreamFigures {
  streams: { labels: { stream: string }; figures: StreamFigures }[];
  storeBytes: number | undefined;
  storeMaxBytes: number | undefined;
}

export const NOTHING_KNOWN: JetStreamFigures = { streams: [], storeBytes: undefined, storeMaxBytes: undefined };

/**
 * Asks the broker for every stream, and for the account. What it does not tell of (a stream that is not there, is offline or
 * that there is no right to ask for, the account) is left out. Rejects when it tells of no stream at all, because it is away.
 */
export async function readJetStream(jsm: JetStreamManager, now: () => number): Promise<JetStreamFigures> {
  const streams: JetStreamFigures['streams'] = [];
  let failure: unknown;
  for (const stream of STREAMS) {
    try {
      const info = await infoOf(jsm, stream);
      if (info) streams.push({ labels: { stream }, figures: figuresOf(info, now()) });
    } catch (err) {
      if (!(err instanceof JetStreamApiError) && !isForbidden(err)) throw err;
      failure = err;
    }
  }
  if (failure !== undefined && streams.length === 0) throw failure;
  const account = await jsm.getAccountInfo().catch(() => undefined);
  return { streams, storeBytes: account?.storage, storeMaxBytes: limit(account?.limits.max_storage) };
}

async function infoOf(jsm: JetStreamManager, stream: string): Promise<StreamInfo | undefined> {
  try {
    return await jsm.streams.info(stream);
  } catch (err) {
    if (err instanceof JetStreamApiError && err.code === JetStreamApiCodes.StreamNotFound) return undefined;
    throw err;
  }
}

function figuresOf({ state, config }: StreamInfo, now: number): StreamFigures {
  return {
    bytes: state.bytes,
    maxBytes: limit(config.max_bytes),
    messages: state.messages,
    lastSequence: state.last_seq,
    retentionSeconds: ageSeconds(state, now),
  };
}

/** Broker and service may disagree about the time: what would be negative is not known. */
function ageSeconds({ messages, first_ts }: StreamInfo['state'], now: number): number | undefined {
  const seconds = (now - Date.parse(first_ts)) / 1_000;
  return messages > 0 && seconds >= 0 ? seconds : undefined;
}

/** -1 and 0 stand for no limit. */
const limit = (bytes: number | undefined): number | undefined => (bytes !== undefined && bytes > 0 ? bytes : undefined);
