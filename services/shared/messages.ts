import type { EventDataJson, ValueJson } from './contract/ptp/v1/event_pb.js';
import type {
  ClockJson,
  CurrentStateJson,
  LastEventJson,
  NodeStateJson,
  PortStateJson,
  ResourceStateJson,
} from './contract/ptp/v1/state_pb.js';

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
export type CurrentState = With<Present<CurrentStateJson, 'reason'>, { state: ResourceState }>;
