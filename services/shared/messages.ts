import type { EventDataJson, ValueJson } from './contract/ptp/v1/event_pb.js';
import type { PublisherRecordJson, SubscriptionRecordJson, ResourceFilterJson } from './contract/ptp/v1/gateway_pb.js';
import type {
  ClockJson,
  CurrentStateJson,
  LastEventJson,
  MaintenanceJson,
  NodeStateJson,
  PortStateJson,
  ResourceStateJson,
} from './contract/ptp/v1/state_pb.js';
import type { DeadLetter } from './contract/rest-v1.js';
import type {
  DeliveryReceiptJson,
  GatewayReportJson,
  HopJson,
  LatencyRecordJson,
  ReceiptJson,
  StageTimesJson,
  TailReceiptJson,
} from './contract/ptp/v1/latency_pb.js';

/**
 * The messages of proto/ptp/v1 as this system writes them. protobuf's JSON mapping lets every member be absent;
 * ours are always written, except those that the .proto marks `optional`.
 */
type Present<T, Optional extends keyof T = never> = {
  [K in Exclude<keyof T, Optional>]-?: NonNullable<T[K]>;
} & Pick<T, Optional>;
type With<T, Changed> = Omit<T, keyof Changed> & Changed;

export type Value = Present<ValueJson>;
export type EventData = With<Present<EventDataJson>, { values: Value[] }>;

export type LastEvent = Present<LastEventJson>;
export type ClockRecord = Present<
  ClockJson,
  'offset' | 'holdoverEndsMs' | 'lastLineAt' | 'rememberedOffset' | 'gpsFix' | 'lock' | 'device' | 'networkOption'
>;
export type PortRecord = Present<PortStateJson>;
/** `lastEvent` is absent until an event of the resource has been put in the order of the bus. */
export type ResourceState = With<
  Present<ResourceStateJson, 'lastEvent'>,
  { lastEvent?: LastEvent; data: EventData; clocks: ClockRecord[] }
>;
export type NodeState = With<Present<NodeStateJson>, { resources: ResourceState[]; ports: PortRecord[] }>;
export type Maintenance = Present<MaintenanceJson, 'until' | 'reason'>;
export type CurrentState = With<Present<CurrentStateJson, 'reason'>, { state: ResourceState }>;

// A double may be a word in protobuf's JSON (NaN, Infinity); ours are numbers.
type Figures<T> = {
  [K in keyof T]: T[K] extends number | 'NaN' | 'Infinity' | '-Infinity' | undefined ? number : T[K];
};

/** How a delivery came to its end: the words in receipts, spans and series alike. */
export const DELIVERY_OUTCOMES = ['delivered', 'retried', 'dead_letter', 'too_old'] as const;
export type DeliveryOutcome = (typeof DELIVERY_OUTCOMES)[number];
export type TailReceipt = Figures<Present<TailReceiptJson>>;
export type DeliveryReceipt = Figures<Present<Omit<DeliveryReceiptJson, 'queueMs' | 'outcome'>>> & {
  outcome: DeliveryOutcome;
  queueMs?: number;
};
export type Receipt = Figures<Present<Omit<ReceiptJson, 'tail' | 'delivery' | 'heldMs'>>> & {
  tail?: TailReceipt;
  delivery?: DeliveryReceipt;
  heldMs?: number;
};
export type Hop = Figures<Present<HopJson>> & {
  hop: 'broker' | 'receipt' | 'post';
  quality: 'exact' | 'derived' | 'suspect';
};
export type Stage = 'emit' | 'parse' | 'enqueue' | 'publish' | 'broker' | 'queue' | 'retry' | 'post';
export type LatencyRecord = Present<
  Pick<LatencyRecordJson, 'node' | 'resource' | 'event' | 'traceId'>,
  'event' | 'traceId'
> & {
  traffic: 'event' | 'canary';
  outcome: DeliveryOutcome | 'duplicate' | 'unconfirmed' | 'never_closed';
  weight: number;
  loopMs?: number;
  floorMs?: number;
  stages: Partial<Record<Stage, number>>;
  hops: Hop[];
};
export type GatewayReport = Figures<Present<Omit<GatewayReportJson, 'isLeaving'>>> & { isLeaving?: boolean };
export type StageTimes = Figures<Present<Omit<StageTimesJson, 'emitMs'>>> & { emitMs?: number };

/** Names of the members in `data.values`: new ones, old ones, or both sets in every value. */
export type DataVersion = '1.0' | 'v1' | 'both';
export type ResourceFilter = Present<ResourceFilterJson>;
export type SubscriptionRecord = Figures<
  Omit<Present<SubscriptionRecordJson, 'dataVersion' | 'secret' | 'disabledAt'>, 'dataVersion' | 'filter'>
> & { dataVersion?: DataVersion; filter: ResourceFilter };
export type PublisherRecord = Present<PublisherRecordJson, 'endpointUri'>;
/** `open`: event subject → first stream sequence that may be unsettled. */
export type SubscriptionCursor = [hi: number, open: Record<string, number>, owesStates?: boolean];
export interface Cursor {
  epoch: string;
  n: number;
  stream: string;
  tail: number;
  subs: Record<string, SubscriptionCursor>;
  owed?: boolean;
  repeated?: Record<string, number>;
  past?: [from: number, upTo: number][];
}

/** The messages that are read back from the bus, by their names in proto/ptp/v1. */
export interface MessageTypes {
  Clock: ClockRecord;
  CurrentState: CurrentState;
  Cursor: Cursor;
  DeadLetter: DeadLetter;
  EventData: EventData;
  GatewayReport: GatewayReport;
  LatencyRecord: LatencyRecord;
  Maintenance: Maintenance;
  NodeState: NodeState;
  PublisherRecord: PublisherRecord;
  Receipt: Receipt;
  StageTimes: StageTimes;
  SubscriptionRecord: SubscriptionRecord;
}
