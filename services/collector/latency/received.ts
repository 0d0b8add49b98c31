import { bus } from '../../shared/contract/bus.js';
import { DELIVERY_OUTCOMES, type DeliveryReceipt, type TailReceipt } from '../../shared/messages.js';

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

/** A real one has less than 400 bytes. */
const MAX_BYTES = 4_096;
/** Nobody measures, or counts, more than this at once. */
const MAX_MS = 1e10;
const MAX_COUNT = 1_000_000;
/** Year 5138: whatever the wall clocks show. */
const MAX_TIME_MS = 1e14;
const ID = /^[\x21-\x7e]{1,128}$/;
const OUTCOMES: ReadonlySet<unknown> = new Set(DELIVERY_OUTCOMES);
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
 * Reads a receipt. The bus may carry anything that somebody with the right to publish has written: whatever is not
 * exactly a receipt about an event of this node is undefined.
 */
export function readReceipt(bytes: Uint8Array, nodeToken: string): ReceivedReceipt | undefined {
  const { event, subject, scope, gateway, sentAtMs, tail, delivery, heldMs = 0 } = membersOf(bytes);
  if (!isId(event) || typeof subject !== 'string' || !isId(scope) || !isId(gateway)) return undefined;
  const topic = topicOf(subject, nodeToken);
  if (topic === undefined || !isWithin(sentAtMs, MAX_TIME_MS) || !isWithin(heldMs, MAX_MS)) return undefined;
  if ((tail === undefined) === (delivery === undefined)) return undefined;
  const about = { event, scope, gateway, topic, heldMs };
  if (tail !== undefined) return isTail(tail) ? { ...about, tail } : undefined;
  return isDelivery(delivery) ? { ...about, delivery } : undefined;
}

/** What a collector wants to know of a gateway's report, or undefined. */
export function readGatewayReport(bytes: Uint8Array): { scope: string; nodes: number } | undefined {
  const { scope, nodes } = membersOf(bytes);
  return isId(scope) && isCount(nodes) ? { scope, nodes } : undefined;
}

function membersOf(bytes: Uint8Array): Record<string, unknown> {
  if (bytes.length > MAX_BYTES) return {};
  try {
    return (JSON.parse(Buffer.from(bytes).toString('utf8')) ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
}

function isTail(value: unknown): value is TailReceipt {
  const { matches, receivedAtMs, stalledMs, others, otherMatches } = (value ?? {}) as Record<string, unknown>;
  return (
    [matches, others, otherMatches].every(isCount) && isWithin(receivedAtMs, MAX_TIME_MS) && isWithin(stalledMs, MAX_MS)
  );
}

function isDelivery(value: unknown): value is DeliveryReceipt {
  const { subscription, outcome, attempts, queueMs, retryMs, postMs, weight } = (value ?? {}) as Record<
    string,
    unknown
  >;
  const times = queueMs === undefined ? [retryMs, postMs] : [queueMs, retryMs, postMs];
  const counts = [attempts, weight];
  return (
    isId(subscription) &&
    OUTCOMES.has(outcome) &&
    counts.every(isCount) &&
    weight !== 0 &&
    times.every((ms) => isWithin(ms, MAX_MS))
  );
}

const isId = (value: unknown): value is string => typeof value === 'string' && ID.test(value);
const isCount = (value: unknown): value is number => Number.isInteger(value) && isWithin(value, MAX_COUNT);
/** NaN is not. */
const isWithin = (value: unknown, max: number): value is number =>
  typeof value === 'number' && value >= 0 && value <= max;
