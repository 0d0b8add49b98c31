import type { DeliveryReceipt, Hop, Stage, TailReceipt } from '../../shared/messages.js';

/** An event as it left for the bus. Times are ms: monotonic, but for `sentAtMs`. */
export interface Departure {
  /** CloudEvents id. */
  id: string;
  /** Path of the resource, /sync/ptp-status/lock-state; /canary of a canary. */
  resource: string;
  traffic: 'event' | 'canary';
  /** Creation context, when the event is traced. */
  traceparent: string | undefined;
  /** Its line was read, or what made it without a line came about. */
  readMs: number;
  /** The stages before it left; `emit` is absent for what no line with a stamp tells. */
  emitMs: number | undefined;
  parseMs: number;
  enqueueMs: number;
  /** The first attempt to publish began; and by the wall clock. */
  sentMs: number;
  sentAtMs: number;
}

/** The way to a gateway's tail and of its receipt. */
export interface Crossing {
  gateway: string;
  quality: 'derived' | 'suspect';
  brokerMs: number;
  receiptMs: number;
  /** At most what `brokerMs` has. */
  waitedMs: number;
}

/**
 * From sending an event to reading it in a gateway takes two clocks. What they say is believed where it fits into the
 * round trip, which the collector's monotonic clock measured; else the round trip itself is all that is known.
 * The time that the gateway held its receipt back is no part of it.
 * There is no tolerance: a figure that contradicts the round trip by a microsecond is not made to fit.
 */
export function crossingOf(
  { sentMs, sentAtMs }: Pick<Departure, 'sentMs' | 'sentAtMs'>,
  { receivedAtMs, stalledMs }: TailReceipt,
  { gateway, closedMs }: { gateway: string; closedMs: number },
): Crossing {
  const roundTripMs = closedMs - sentMs;
  const onTheWayMs = receivedAtMs - sentAtMs;
  const isPossible = onTheWayMs >= 0 && onTheWayMs <= roundTripMs;
  const brokerMs = isPossible ? onTheWayMs : roundTripMs;
  const receiptMs = isPossible ? roundTripMs - onTheWayMs : roundTripMs;
  const waitedMs = Math.min(stalledMs, brokerMs);
  return { gateway, quality: isPossible ? 'derived' : 'suspect', brokerMs, receiptMs, waitedMs };
}

export interface Figures {
  floorMs: number;
  stages: Partial<Record<Stage, number>>;
  hops: Hop[];
}

/**
 * What is known of a delivery's time.
 * @param departure undefined when the collector does not know the event any more
 * @param publishMs first attempt to publish → ack; undefined while there is none
 * @param crossing of the gateway that delivered it, where its tail receipt has come
 */
export function figuresOf(
  { queueMs, retryMs, postMs }: DeliveryReceipt,
  departure: Departure | undefined,
  publishMs: number | undefined,
  crossing: Crossing | undefined,
): Figures {
  const inside: Partial<Record<Stage, number>> = { retry: micro(retryMs), post: micro(postMs) };
  const post: Hop = { hop: 'post', quality: 'exact', ms: micro(postMs) };
  // What waited for a gateway that did not look has waited in its queue.
  const waitedMs = queueMs === undefined ? 0 : (crossing?.waitedMs ?? 0);
  if (queueMs !== undefined) inside.queue = micro(queueMs + waitedMs);
  // `waited` may have passed on the way, too: the floor is sure without it.
  const { emitMs, parseMs = 0, enqueueMs = 0 } = departure ?? {};
  const floorMs = micro(parseMs + enqueueMs + (queueMs ?? 0) + retryMs + postMs);
  if (departure === undefined) return { floorMs, stages: inside, hops: [post] };
  return {
    floorMs,
    stages: {
      ...(emitMs !== undefined && { emit: micro(emitMs) }),
      parse: micro(parseMs),
      enqueue: micro(enqueueMs),
      ...(publishMs !== undefined && { publish: micro(publishMs) }),
      ...(crossing && { broker: micro(crossing.brokerMs - waitedMs) }),
      ...inside,
    },
    hops: [...(crossing ? hopsOf(crossing) : []), post],
  };
}

const hopsOf = ({ quality, brokerMs, receiptMs }: Crossing): Hop[] => [
  { hop: 'broker', quality, ms: micro(brokerMs) },
  { hop: 'receipt', quality, ms: micro(receiptMs) },
];

/** To the microsecond: more is not in the clocks. */
export const micro = (ms: number): number => Math.round(ms * 1_000) / 1_000;
