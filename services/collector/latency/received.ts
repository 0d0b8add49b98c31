import { bus } from '../../shared/contract/bus.js';
import { parseMessage } from '../../shared/messageChecks.js';
import type { DeliveryReceipt, TailReceipt } from '../../shared/messages.js';

/** What one event of a node is about, as its subject says. */
export interface Topic {
  /** Path of the resource, /sync/ptp-status/lock-state; /canary of a canary. */
  resource: string;
  traffic: 'event' | 'canary';
}

/** A receipt that was checked; about an event of this node. */
export type ReceivedReceipt = {
  event: string;
  scope: string;
  gateway: string;
  topic: Topic;
  /** For so long the gateway held it back before it was sent, by its monotonic clock: no part of what it tells. */
  heldMs: number;
} & ({ tail: TailReceipt; delivery?: undefined } | { tail?: undefined; delivery: DeliveryReceipt });

const TOPICS = new Map<string, Topic>(
  Object.values(bus.resources).map(({ path }) => [
    `${bus.subjects.events}.*${path.replaceAll('/', '.')}`,
    { resource: path, traffic: 'event' },
  ]),
).set(`${bus.subjects.canary}.*`, { resource: bus.canary.path, traffic: 'canary' });

/** undefined for a subject of another node, or of none of our resources. */
export function topicOf(subject: string, nodeToken: string): Topic | undefined {
  const [ptp, kind, node, ...rest] = subject.split('.');
  return node === nodeToken ? TOPICS.get([ptp, kind, '*', ...rest].join('.')) : undefined;
}

/**
 * Reads a receipt; undefined: it is not about an event of this node. Throws BadMessage for what is no receipt.
 */
export function readReceipt(bytes: Uint8Array, nodeToken: string): ReceivedReceipt | undefined {
  const { event, subject, scope, gateway, tail, delivery, heldMs = 0 } = parseMessage('Receipt', bytes);
  const topic = topicOf(subject, nodeToken);
  if (topic === undefined) return undefined;
  const about = { event, scope, gateway, topic, heldMs };
  if (tail !== undefined) return delivery === undefined ? { ...about, tail } : undefined;
  return delivery && { ...about, delivery };
}
