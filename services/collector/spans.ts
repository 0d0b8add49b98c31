import type { DeliveryReceipt, LatencyRecord } from '../shared/messages.js';
import { nodeToken, receiptsSubject } from '../shared/subjects.js';
import type { Attributes, SpanFields } from '../shared/tracing.js';
import type { Traveller } from './journeys.js';

/** `create`: line read → event in the outbox. See observability/README.md, also for the others. */
export const createSpan = (traveller: Traveller, node: string, startMs: number): SpanFields => ({
  name: `create ${templateOf(traveller.subject, node)}`,
  kind: 'producer',
  startMs,
  attributes: {
    ...attributesOf(traveller, node, 'create'),
    'ptp.node': node,
    'ptp.resource': traveller.resource,
    'ptp.state': traveller.state,
  },
});

/** `send`: first attempt to publish → acknowledged. */
export const sendSpan = (traveller: Traveller, node: string, startMs: number): SpanFields => ({
  name: `send ${templateOf(traveller.subject, node)}`,
  kind: 'client',
  startMs,
  attributes: attributesOf(traveller, node, 'send'),
});

/** `receive`: the receipt of a delivery came. It has no length. */
export function receiveSpan(
  event: string,
  receipt: DeliveryReceipt,
  { loopMs, floorMs, stages, hops }: LatencyRecord,
  { node, startMs }: { node: string; startMs: number },
): SpanFields {
  const subject = receiptsSubject(node);
  const template = templateOf(subject, node);
  return {
    name: `receive ${template}`,
    kind: 'consumer',
    startMs,
    attributes: {
      ...messaging('receive', subject, template, event),
      'ptp.subscription.id': receipt.subscription,
      'ptp.delivery.outcome': receipt.outcome,
      ...(loopMs !== undefined && { 'ptp.delivery.loop_ms': loopMs }),
      ...(floorMs !== undefined && { 'ptp.delivery.floor_ms': floorMs }),
      ...Object.fromEntries(Object.entries(stages).map(([stage, ms]) => [`ptp.stage.${stage}_ms`, ms])),
      ...Object.fromEntries(
        hops.flatMap(({ hop, ms, quality }) => [
          [`ptp.hop.${hop}_ms`, ms],
          [`ptp.hop.${hop}_quality`, quality],
        ]),
      ),
    },
  };
}

const attributesOf = ({ id, subject, type, source }: Traveller, node: string, operation: string): Attributes => ({
  ...messaging(operation, subject, templateOf(subject, node), id),
  'cloudevents.event_type': type,
  'cloudevents.event_source': source,
});

const messaging = (operation: string, subject: string, template: string, event: string): Attributes => ({
  'messaging.system': 'nats',
  'messaging.operation.name': operation,
  'messaging.operation.type': operation,
  'messaging.destination.name': subject,
  'messaging.destination.template': template,
  'messaging.message.id': event,
  'cloudevents.event_id': event,
});

/** ptp.events.{node}.sync.ptp-status.lock-state */
const templateOf = (subject: string, node: string): string => subject.replace(`.${nodeToken(node)}`, '.{node}');
