import { JetStreamApiError, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import { headers, InvalidArgumentError, RequestError } from '@nats-io/transport-node';
import type { Clock } from '../shared/clock.js';
import { Doublings } from '../shared/doublings.js';
import type { Logger } from '../shared/log.js';
import type { Outgoing, Sent } from './outbox.js';

const ACK_MS = 2_000;
/** Half the stream's duplicate window: later than this the server may not recognise a repeated id any more. */
const ID_REMEMBERED_MS = 5 * 60_000;
const BAD_REQUEST = 400;

/** no_stream: nobody keeps the subject; refused: for good; answered: the broker says no, a full store for example; no_answer: it says nothing. */
export type PublishFailure = 'no_stream' | 'refused' | 'answered' | 'no_answer';
export const PUBLISH_FAILURES: readonly PublishFailure[] = ['no_stream', 'refused', 'answered', 'no_answer'];

export interface PublisherOptions {
  js: JetStreamClient;
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

/** Puts one event on the stream and tells what became of it. Never rejects. */
export function createSender(options: PublisherOptions): (event: Outgoing, firstTriedMs?: number) => Promise<Sent> {
  const { js, jsm, clock, log, isConnected, onFailed, onNoStream, onPublished, onAttempt, stream } = options;
  const refusals = new Doublings(clock);
  return async (event, firstTriedMs) => {
    // While disconnected the client would keep every attempt and send them all when it is back.
    if (!isConnected()) return 'retry';
    const startedMs = performance.now();
    const isOld = firstTriedMs !== undefined && clock.monotonic() - firstTriedMs > ID_REMEMBERED_MS;
    if (isOld && stream === undefined) return 'refused';
    try {
      if (isOld && stream !== undefined && (await lastId(jsm, stream, event.subject)) === event.id) return 'stored';
      const told = headers();
      told.set('content-type', 'application/cloudevents+json');
      const own = { ...event.headers, ...onAttempt(event) };
      for (const [name, value] of Object.entries(own)) told.set(name, value);
      await js.publish(event.subject, event.body, { msgID: event.id, headers: told, timeout: ACK_MS });
      onPublished((performance.now() - startedMs) / 1_000);
      return 'stored';
    } catch (err) {
      onFailed(reasonOf(err));
      if (isRefusal(err)) {
        refusals.tell((times) =>
          log.error({ err, id: event.id, subject: event.subject, times }, 'event refused by the broker for good'),
        );
        return 'refused';
      }
      // Nobody answers when the last message of a missing stream is asked for.
      if (isOld || hasNoStream(err)) onNoStream();
      log.debug({ err, id: event.id, subject: event.subject }, 'not published yet');
      return 'retry';
    }
  };
}

async function lastId(jsm: JetStreamManager, stream: string, subject: string): Promise<string | undefined> {
  const message = await jsm.direct.getMessage(stream, { last_by_subj: subject });
  return message?.header.get('Nats-Msg-Id');
}

/** A message that no later attempt can make acceptable: larger than allowed, or of a form that the server rejects. */
const isRefusal = (err: unknown): boolean =>
  err instanceof InvalidArgumentError || (err instanceof JetStreamApiError && err.status === BAD_REQUEST);

function reasonOf(err: unknown): PublishFailure {
  if (isRefusal(err)) return 'refused';
  if (hasNoStream(err)) return 'no_stream';
  return err instanceof JetStreamApiError ? 'answered' : 'no_answer';
}

/** Nobody listens on the subject: the stream is not there, or not yet. */
const hasNoStream = (err: unknown): boolean =>
  err instanceof Error && err.cause instanceof RequestError && err.cause.isNoResponders();
