import { DeliverPolicy, type JetStreamManager } from '@nats-io/jetstream';
import { isBelievableSequence } from '../../shared/believable.js';
import { bus } from '../../shared/contract/bus.js';
import { BadEvent, decodeEvent } from '../../shared/event.js';
import { BadName, resourceAddress, resourceOfSubject } from '../../shared/subjects.js';
import type { Newest } from './newest.js';

/** Longest time for all of it: whoever waits goes on without the rest. */
const LIMIT_MS = 5_000;
/** Subjects with events that the tail has not read yet: the one before has to be looked for, one question after the other. */
const MAX_SEARCHED = 256;
const SEARCHED_AT_ONCE = 16;
/** How far back it is looked for, and messages of the subject that are looked at. */
const FARTHEST = 65_536;
const MAX_LOOKED_AT = 256;

interface Stored {
  seq: number;
  subject: string;
  data: Uint8Array;
  storedAtMs: number;
}

/**
 * Has `newest` learn from the log what was the newest event of each subject up to a position. What cannot be found in
 * time is not known; an event of the past is then news, once. Rejects while the broker is away.
 * @param filter subject with wildcards: only these
 */
export async function learnNewest(
  newest: Newest,
  jsm: JetStreamManager,
  position: number,
  filter = `${bus.subjects.events}.>`,
): Promise<void> {
  const ends = AbortSignal.timeout(LIMIT_MS);
  const beyond: string[] = [];
  await eachLast(jsm, filter, ends, (stored) => {
    if (stored.seq > position) beyond.push(stored.subject);
    else take(newest, stored);
  });
  const left = beyond.slice(0, MAX_SEARCHED).values();
  const searchNext = async (): Promise<void> => {
    for (const subject of left) {
      if (ends.aborted) return;
      for (const stored of await lastBefore(jsm, subject, position + 1)) take(newest, stored);
    }
  };
  await Promise.all(Array.from({ length: SEARCHED_AT_ONCE }, searchNext));
}

function take(newest: Newest, { subject, data, storedAtMs }: Stored): void {
  try {
    const { node, path } = resourceOfSubject(subject);
    const event = decodeEvent(data, resourceAddress(node, path));
    if (isBelievableSequence(event.sequence, storedAtMs)) newest.take(subject, event, storedAtMs);
  } catch (err) {
    if (!(err instanceof BadEvent || err instanceof BadName)) throw err;
  }
}

/** The last message of each subject. */
async function eachLast(
  jsm: JetStreamManager,
  filter: string,
  ends: AbortSignal,
  onLast: (stored: Stored) => void,
): Promise<void> {
  const consumer = await jsm.jetstream().consumers.getPushConsumer(bus.streams.events, {
    deliver_policy: DeliverPolicy.LastPerSubject,
    filter_subjects: filter,
  });
  try {
    const { num_pending } = await consumer.info(true);
    if (num_pending === 0) return;
    const messages = await consumer.consume({
      callback({ seq, subject, data, info }) {
        onLast({ seq, subject, data, storedAtMs: info.timestampNanos / 1e6 });
        if (info.pending === 0) messages.stop();
      },
    });
    ends.addEventListener('abort', () => messages.stop(), { once: true });
    await messages.closed();
  } finally {
    await consumer.delete().catch(() => {});
  }
}

/** The last messages of a subject before a position, in order: looked for in steps back that double. */
async function lastBefore(jsm: JetStreamManager, subject: string, position: number): Promise<Stored[]> {
  const next = async (from: number): Promise<Stored | undefined> => {
    const found = await jsm.direct.getMessage(bus.streams.events, { seq: from, next_by_subj: subject });
    if (found === null || found.seq >= position) return undefined;
    return { seq: found.seq, subject, data: found.data, storedAtMs: found.time.getTime() };
  };
  for (let step = 64; step <= FARTHEST; step *= 4) {
    const from = Math.max(1, position - step);
    const found: Stored[] = [];
    for (let one = await next(from); one !== undefined; one = await next(one.seq + 1)) {
      found.push(one);
      if (found.length === MAX_LOOKED_AT) return found;
    }
    if (found.length > 0 || from === 1) return found;
  }
  return [];
}
