import type {
  ClockRecord,
  CurrentState,
  EventData,
  LastEvent,
  NodeState,
  PortRecord,
  ResourceState,
} from '../shared/messages.js';
import { bus } from '../shared/contract/bus.js';
import { addressOf, currentData } from './event/current.js';
import type { Names } from './event/names.js';
import { eventData } from './event/values.js';
import type { Change, OverallChange } from './state/change.js';
import type { Instant } from './state/clock.js';
import type { NodeClocks } from './state/nodeClocks.js';
import { clocksOf, RESOURCES, type ClockView, type Resource } from './state/view.js';
import { doubtAbout } from './state/vouch.js';

/** RFC 3339, UTC, milliseconds. */
export const rfc3339 = (ms: number): string => new Date(ms).toISOString();

/** A clock as ptp.v1.Clock. */
export function clockRecord(view: ClockView, names: Names): ClockRecord {
  const { config, process, iface, word, since, holdoverEndsMs, lastLine, offsetNs, rememberedNs } = view;
  return {
    config,
    process,
    interface: iface,
    address: addressOf(view, names),
    state: word,
    since: rfc3339(since),
    confirmed: lastLine !== undefined,
    ...(offsetNs !== undefined && { offset: String(offsetNs) }),
    ...(rememberedNs !== undefined && rememberedNs !== offsetNs && { rememberedOffset: String(rememberedNs) }),
    ...(holdoverEndsMs !== undefined && { holdoverEndsMs }),
    ...(lastLine !== undefined && { lastLineAt: rfc3339(lastLine.now) }),
    ...(view.fix !== undefined && { gpsFix: view.fix }),
    ...(view.lock !== undefined && view.lock !== word && { lock: view.lock }),
    ...(view.device !== '' && { device: view.device }),
    ...(view.networkOption !== undefined && { networkOption: view.networkOption }),
  };
}

/** The clock of a change that nothing is known of any more, since its configuration is gone: it has no state. */
export function forgottenRecord(change: Exclude<Change, OverallChange>, names: Names, now: number): ClockRecord {
  const process = 'process' in change ? change.process : change.resource === 'gnssSyncStatus' ? 'gnss' : 'synce4l';
  const { config, iface } = change;
  return {
    config,
    process,
    interface: iface,
    address: addressOf({ process, iface }, names),
    state: '',
    since: rfc3339(now),
    confirmed: false,
    ...('device' in change && { device: change.device }),
  };
}

export interface CurrentStateInput {
  node: NodeClocks;
  names: Names;
  at: Instant;
  lastEvents: ReadonlyMap<Resource, LastEvent>;
  staleAfterMs: number;
}

/** The answer to a query, as ptp.v1.CurrentState, or undefined while nothing is known. */
export function currentState(resource: Resource, input: CurrentStateInput): CurrentState | undefined {
  const { node, names, at, lastEvents, staleAfterMs } = input;
  const data = currentData(node, resource, names);
  if (data === undefined) return undefined;
  const clocks = clocksOf(node, resource);
  const records = clocks.map((view) => clockRecord(view, names));
  const doubt = doubtAbout(clocks, at, staleAfterMs);
  return {
    state: resourceState(resource, data, records, lastEvents.get(resource)),
    asOf: rfc3339(at.now),
    vouchedFor: doubt === undefined,
    ...(doubt !== undefined && { reason: doubt }),
  };
}

export interface NodeStateInput {
  node: NodeClocks;
  names: Names;
  bootId: string;
  now: number;
  lastEvents: ReadonlyMap<Resource, LastEvent>;
  /** The clocks behind a resource, as the bus knows them. */
  clocksOf: (resource: Resource) => ClockRecord[];
}

/** Everything that is known, as ptp.v1.NodeState. A resource without a known state keeps its last event. */
export function nodeState(input: NodeStateInput): NodeState {
  const { node, names, bootId, now, lastEvents } = input;
  const resources = RESOURCES.flatMap((resource) => {
    const lastEvent = lastEvents.get(resource);
    const data = currentData(node, resource, names);
    if (data === undefined && lastEvent === undefined) return [];
    return [resourceState(resource, data ?? eventData([]), input.clocksOf(resource), lastEvent)];
  });
  return { node: names.node, writtenAt: rfc3339(now), bootId, resources, ports: portRecords(node) };
}

function resourceState(
  resource: Resource,
  data: EventData,
  clocks: ClockRecord[],
  lastEvent: LastEvent | undefined,
): ResourceState {
  const { path, type } = bus.resources[resource];
  return { resource: path, type, ...(lastEvent && { lastEvent }), data, clocks };
}

const portRecords = (node: NodeClocks): PortRecord[] =>
  [...node.configs.values()].flatMap(({ name, roles }) =>
    [...roles.values()].map(({ port, role }) => ({ config: name, number: port.number, interface: port.iface, role })),
  );
