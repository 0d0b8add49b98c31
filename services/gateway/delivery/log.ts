import type { JetStreamManager } from '@nats-io/jetstream';
import { bus } from '../../shared/contract/bus.js';
import { decodeEvent, type PtpEvent } from '../../shared/event.js';
import { resourceAddress, resourceOfSubject } from '../../shared/subjects.js';

/** An event with its place in the log. */
export interface LoggedEvent {
  /** Stream sequence: the only position there is. */
  seq: number;
  subject: string;
  node: string;
  /** Resource path without the node. */
  path: string;
  event: PtpEvent;
}

/** Reads a message of the stream. Throws BadEvent or BadName when it is none of our events. */
export function loggedEvent(seq: number, subject: string, data: Uint8Array): LoggedEvent {
  const { node, path } = resourceOfSubject(subject);
  return { seq, subject, node, path, event: decodeEvent(data, resourceAddress(node, path)) };
}

/** The next message of a subject at or after a position, or undefined. */
export async function nextOfSubject(
  jsm: JetStreamManager,
  subject: string,
  from: number,
): Promise<{ seq: number; data: Uint8Array } | undefined> {
  const found = await jsm.direct.getMessage(bus.streams.events, { seq: from, next_by_subj: subject });
  return found === null ? undefined : { seq: found.seq, data: found.data };
}
