import { connect } from '@nats-io/transport-node';
import { bus } from '../../services/shared/contract/bus.js';
import type {
  DeliveryReceipt,
  GatewayReport,
  LatencyRecord,
  Receipt,
  TailReceipt,
} from '../../services/shared/messages.js';

/** What gateways tell collectors and everybody, and collectors the metrics service, as it comes. */
export interface Listener {
  receipts: Receipt[];
  reports: GatewayReport[];
  records: LatencyRecord[];
  /** Receipts of the tail and of deliveries, of one event or of all. */
  tails(event?: { id: string }): (Receipt & { tail: TailReceipt })[];
  deliveries(event?: { id: string }): (Receipt & { delivery: DeliveryReceipt })[];
  close(): Promise<void>;
}

/** Hears the receipts for all nodes, as their collectors would, the reports of all gateways, and all latency records. */
export async function listenForReceipts(brokerUrl: string): Promise<Listener> {
  const broker = await connect({ servers: brokerUrl, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  const receipts: Receipt[] = [];
  const reports: GatewayReport[] = [];
  const records: LatencyRecord[] = [];
  broker.subscribe(`${bus.subjects.receipts}.>`, { callback: (_, msg) => void receipts.push(msg.json<Receipt>()) });
  broker.subscribe(`${bus.subjects.gateways}.>`, {
    callback: (_, msg) => void reports.push(msg.json<GatewayReport>()),
  });
  broker.subscribe(`${bus.subjects.latency}.>`, {
    callback: (_, msg) => void records.push(msg.json<LatencyRecord>()),
  });
  await broker.flush();
  const of = (event: { id: string } | undefined): Receipt[] =>
    receipts.filter((receipt) => event === undefined || receipt.event === event.id);
  return {
    receipts,
    reports,
    records,
    tails: (event) => of(event).filter((one): one is Receipt & { tail: TailReceipt } => one.tail !== undefined),
    deliveries: (event) =>
      of(event).filter((one): one is Receipt & { delivery: DeliveryReceipt } => one.delivery !== undefined),
    close: () => broker.close(),
  };
}
