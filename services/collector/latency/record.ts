import type { DeliveryReceipt, LatencyRecord } from '../../shared/messages.js';
import { traceIdOf } from '../../shared/tracing.js';
import { figuresOf, micro, type Crossing, type Departure } from './hops.js';
import type { Topic } from './received.js';

const NO_FIGURES = { stages: {}, hops: [] };

/** What a record is about. Without an event it is about several. */
export interface About {
  node: string;
  topic: Topic;
  event: string | undefined;
  /** Creation context of an event that is traced. */
  traceparent: string | undefined;
}

export const isDelivered = ({ outcome }: DeliveryReceipt): boolean => outcome === 'delivered' || outcome === 'retried';

/** So many deliveries came to this without a figure to tell. */
export function countRecord(about: About, outcome: LatencyRecord['outcome'], weight: number): LatencyRecord {
  const { node, topic, event, traceparent } = about;
  return {
    node,
    ...topic,
    ...(event !== undefined && { event }),
    ...(traceparent !== undefined && { traceId: traceIdOf(traceparent) }),
    outcome,
    weight,
    ...NO_FIGURES,
  };
}

/** A delivery of an event that is not known: how long it took in the gateway, and no loop. */
export function unknownRecord(about: About, receipt: DeliveryReceipt): LatencyRecord {
  const record = countRecord(about, receipt.outcome, receipt.weight);
  if (!isDelivered(receipt)) return record;
  const { stages, hops } = figuresOf(receipt, undefined, undefined, undefined);
  return { ...record, stages, hops };
}

/**
 * The end of a delivery. One that was made has closed its loop.
 * @param loop `weight`: deliveries that it stands for; `closedMs`: when its receipt was due here; `storedMs`: when the bus had it, undefined while it has not
 */
export function deliveryRecord(
  about: About,
  receipt: DeliveryReceipt,
  loop: {
    weight: number;
    closedMs: number;
    departure: Departure;
    storedMs: number | undefined;
    crossing: Crossing | undefined;
  },
): LatencyRecord {
  const { weight, closedMs, departure, storedMs, crossing } = loop;
  const record = countRecord(about, receipt.outcome, weight);
  if (!isDelivered(receipt)) return record;
  const publishMs = storedMs === undefined ? undefined : storedMs - departure.sentMs;
  const loopMs = micro(closedMs - departure.readMs);
  return { ...record, loopMs, ...figuresOf(receipt, departure, publishMs, crossing) };
}
