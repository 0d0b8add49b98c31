import { JetStreamApiError, PubHeaders, type JetStreamManager } from '@nats-io/jetstream';
import { headers, RequestError, type MsgHdrs } from '@nats-io/transport-node';
import type { Clock } from '../shared/clock.js';
import { Doublings } from '../shared/doublings.js';
import { MAX_EVENT_BYTES } from '../shared/event.js';
import type { Logger } from '../shared/log.js';
import { MAX_HEADER_BYTES } from '../shared/streams.js';
import type { Acks, NotStored } from './acks.js';
import type { Outgoing, Sent } from './outbox.js';

/** An acknowledgement that has not come by then is unclear: the event is sent again with the same id. */
export const ACK_MS = 2_000;
/** Half the stream's duplicate window: later than this the server may not recognise a repeated id any more. */
const ID_REMEMBERED_MS = 5 * 60_000;

/** refused: for good. */
export type PublishFailure = NotStored | 'refused';
export const PUBLISH_FAILURES: readonly PublishFailure[] = ['no_stream', 'refused', 'answered', 'no_answer'];

export interface PublisherOptions {
  acks: Acks;
  jsm: JetStreamManager;
  clock: Clock;
  log: Logger;
  isConnected: () => boolean;
  /** An attempt has failed; it is made again unless the event was refused. */
  onFailed: (reason: PublishFailure) => void;
  /** The stream is missing; called for each attempt that noticed. */
  onNoStream: () => void;
  onPublished: (seconds: number) => void;
  /** An attempt begins. Returns headers that belong to the attempt. */
  onAttempt: (event: Outgoing) => Record<string, string>;
  /**
   * Name of the stream whose last message of a subject tells whether an event that was first tried long ago is there;
   * undefined: such an event is given up.
   */
  stream: string | undefined;
}

/**
 * Puts one event on the stream and tells what became of it. Never rejects.
 *
 * Only what depends on the event itself is refused for good, and the contract's own limits decide that. Whatever the
 * server answers (full, sealed, a lower limit of sizes, also with code 400) depends on its settings and its state, which
 * somebody mends: the event waits for that.
 */
export function createSender(options: PublisherOptions): (event: Outgoing, firstTriedMs?: number) => Promise<Sent> {
  const { acks, jsm, clock, log, isConnected, onFailed, onNoStream, onPublished, onAttempt, stream } = options;
  const refusals = new Doublings(clock);
  let lastTrouble: string | undefined;

  const refuse = ({ id, subject }: Outgoing, reason: string): Sent => {
    onFailed('refused');
    refusals.tell((times) => log.error({ id, subject, reason, times }, 'event refused for good'));
    return 'refused';
  };
  const wait = ({ id, subject }: Outgoing, reason: PublishFailure, why: string, err?: unknown): Sent => {
    onFailed(reason);
    if (reason === 'no_stream') onNoStream();
    // Once for each kind, however long it lasts.
    const isNew = why !== lastTrouble;
    lastTrouble = why;
    log[isNew ? 'warn' : 'debug']({ err, why, id, subject }, 'event not published yet, it waits');
    return 'retry';
  };
  const attempt = (event: Outgoing, told: MsgHdrs): Promise<Sent> =>
    new Promise((resolve) => {
      const startedMs = performance.now();
      acks.publish(event.subject, event.body, told, (trouble) => {
        if (trouble) return resolve(wait(event, trouble.reason, trouble.message));
        onPublished((performance.now() - startedMs) / 1_000);
        lastTrouble = undefined;
        resolve('stored');
      });
    });
  /** The server may not recognise its id any more. */
  const attemptUnlessThere = async (event: Outgoing, told: MsgHdrs, of: string): Promise<Sent> => {
    try {
      if ((await lastId(jsm, of, event.subject)) === event.id) return 'stored';
    } catch (err) {
      const sent = wait(event, reasonOf(err), (err as Error).message, err);
      // Nobody answers when the last message of a missing stream is asked for.
      if (!hasNoStream(err)) onNoStream();
      return sent;
    }
    return attempt(event, told);
  };

  return async (event, firstTriedMs) => {
    // While disconnected the client would keep every attempt and send them all when it is back.
    if (!isConnected()) return 'retry';
    const isOld = firstTriedMs !== undefined && clock.monotonic() - firstTriedMs > ID_REMEMBERED_MS;
    if (isOld && stream === undefined) return 'refused';
    const told = headersOf(event.id, { ...event.headers, ...onAttempt(event) });
    const reason = told instanceof Error ? told.message : excess(event.body, told);
    if (told instanceof Error || reason !== undefined) return refuse(event, reason ?? '');
    return isOld && stream !== undefined ? attemptUnlessThere(event, told, stream) : attempt(event, told);
  };
}

/** An error: one of them cannot be a header. */
function headersOf(id: string, values: Readonly<Record<string, string>>): MsgHdrs | Error {
  const told = headers();
  try {
    told.set(PubHeaders.MsgIdHdr, id);
    told.set('content-type', 'application/cloudevents+json');
    for (const [name, value] of Object.entries(values)) told.set(name, value);
    return told;
  } catch (err) {
    return err as Error;
  }
}

/** By what an event is larger than any may be; undefined: it is not. */
function excess(body: string, told: MsgHdrs): string | undefined {
  const bytes = sizeOf(body, MAX_EVENT_BYTES);
  if (bytes > MAX_EVENT_BYTES) return `${bytes} bytes, at most ${MAX_EVENT_BYTES} are read`;
  let headerBytes = 0;
  for (const [name, values] of told) headerBytes += name.length + sizeOf(values[0] ?? '', MAX_HEADER_BYTES);
  if (headerBytes <= MAX_HEADER_BYTES) return undefined;
  return `${headerBytes} bytes of headers, at most ${MAX_HEADER_BYTES} are stored`;
}

/** Bytes of a text; a character takes at most 3, so one that is far below the limit needs no counting. */
const sizeOf = (text: string, limit: number): number =>
  text.length * 9 <= limit ? text.length : Buffer.byteLength(text);

async function lastId(jsm: JetStreamManager, stream: string, subject: string): Promise<string | undefined> {
  const message = await jsm.direct.getMessage(stream, { last_by_subj: subject });
  return message?.header.get('Nats-Msg-Id');
}

function reasonOf(err: unknown): PublishFailure {
  if (hasNoStream(err)) return 'no_stream';
  return err instanceof JetStreamApiError ? 'answered' : 'no_answer';
}

/** Nobody listens on the subject: the stream is not there, or not yet. */
const hasNoStream = (err: unknown): boolean =>
  err instanceof Error && err.cause instanceof RequestError && err.cause.isNoResponders();
