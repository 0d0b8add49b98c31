import { connect } from '@nats-io/transport-node';
import { bus } from '../../services/shared/contract/bus.js';
import { decodeEvent, type PtpEvent } from '../../services/shared/event.js';
import type {
  DeliveryReceipt,
  GatewayReport,
  LatencyRecord,
  StageTimes,
  TailReceipt,
} from '../../services/shared/messages.js';
import { gatewaySubject, receiptsSubject, resourceAddress, resourceOfSubject } from '../../services/shared/subjects.js';
import { eventually } from './eventually.js';

export interface ReadEvent {
  event: PtpEvent;
  subject: string;
  stages: StageTimes;
  /** Of the header; empty when there is none. */
  traceparent: string;
}

export interface PlayedGateway {
  /** Events and canaries, in the order in which they came. */
  events: ReadEvent[];
  /** What the collector has told the metrics service. */
  records: LatencyRecord[];
  /** The next event of a subject that ends so; waits for it. */
  read(ending: string): Promise<ReadEvent>;
  tail(about: ReadEvent, tail?: Partial<TailReceipt>): void;
  deliver(about: ReadEvent, delivery?: Partial<DeliveryReceipt>): void;
  report(report?: Partial<GatewayReport>): void;
  /** Anything, to the receipts of the node. */
  raw(bytes: string): void;
  /** What was sent is with the broker. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

const GATEWAY = { scope: 'cluster', gateway: 'g1' };

/** Stands in for a gateway and the metrics service in specs about the collector: sends receipts, reads records. */
export async function startPlayedGateway(brokerUrl: string, node: string): Promise<PlayedGateway> {
  const broker = await connect({ servers: brokerUrl, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  const events: ReadEvent[] = [];
  const records: LatencyRecord[] = [];
  const taken = new Set<ReadEvent>();
  for (const subject of [`${bus.subjects.events}.>`, `${bus.subjects.canary}.>`]) {
    broker.subscribe(subject, {
      callback(_, message) {
        const path = message.subject.startsWith(`${bus.subjects.canary}.`)
          ? bus.canary.path
          : resourceOfSubject(message.subject).path;
        events.push({
          event: decodeEvent(message.data, resourceAddress(node, path)),
          subject: message.subject,
          stages: JSON.parse(message.headers?.get(bus.headers.stages) ?? '') as StageTimes,
          traceparent: message.headers?.get(bus.headers.traceparent) ?? '',
        });
      },
    });
  }
  broker.subscribe(`${bus.subjects.latency}.>`, {
    callback: (_, message) => void records.push(message.json<LatencyRecord>()),
  });
  await broker.flush();
  const receipt = ({ event, subject, stages }: ReadEvent, what: object): void => {
    const told = { event: event.id, subject, ...GATEWAY, sentAtMs: stages.sentAtMs, ...what };
    broker.publish(receiptsSubject(node), JSON.stringify(told));
  };
  return {
    events,
    records,
    read: (ending) =>
      eventually(() => {
        const next = events.find((one) => !taken.has(one) && one.subject.endsWith(ending));
        if (next) taken.add(next);
        return next;
      }),
    tail(about, tail) {
      const receivedAtMs = about.stages.sentAtMs;
      receipt(about, { tail: { matches: 1, receivedAtMs, stalledMs: 0, others: 0, otherMatches: 0, ...tail } });
    },
    deliver(about, delivery) {
      const times = { queueMs: 0.25, retryMs: 0, postMs: 1.5 };
      const told = { subscription: 's1', outcome: 'delivered', attempts: 1, ...times, weight: 1, ...delivery };
      receipt(about, { delivery: told });
    },
    report(report) {
      const told: GatewayReport = {
        ...GATEWAY,
        isReading: true,
        tailSequence: 0,
        lastSequence: 0,
        subscriptions: 1,
        behind: 0,
        oldestUndeliveredSeconds: 0,
        nodes: 1,
        cursorAgeSeconds: 0,
        ...report,
      };
      broker.publish(gatewaySubject(told.scope), JSON.stringify(told));
    },
    raw: (bytes) => broker.publish(receiptsSubject(node), bytes),
    flush: () => broker.flush(),
    close: () => broker.close(),
  };
}
