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

/** A resource as ptp.v1.ResourceState, or undefined while nothing is known about it. */
export function resourceState(
  node: NodeClocks,
  resource: Resource,
  names: Names,
  lastEvent: LastEvent | undefined,
): ResourceState | undefined {
  const data = currentData(node, resource, names);
  return data && withClocks(resource, data, clocksOf(node, resource), names, lastEvent);
}

function withClocks(
  resource: Resource,
  data: EventData,
  clocks: ClockView[],
  names: Names,
  lastEvent: LastEvent | undefined,
): ResourceState {
  const { path, type } = bus.resources[resource];
  return {
    resource: path,
    type,
    ...(lastEvent && { lastEvent }),
    data,
    clocks: clocks.map((view) => clockRecord(view, names)),
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
  const state = resourceState(node, resource, names, lastEvents.get(resource));
  if (state === undefined) return undefined;
  const doubt = doubtAbout(clocksOf(node, resource), at, staleAfterMs);
  return {
    state,
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
}

/** Everything that is known, as ptp.v1.NodeState. A resource without a known state keeps its last event. */
export function nodeState({ node, names, bootId, now, lastEvents }: NodeStateInput): NodeState {
  const resources = RESOURCES.flatMap((resource) => {
    const lastEvent = lastEvents.get(resource);
    const state = resourceState(node, resource, names, lastEvent);
    if (state) return [state];
    return lastEvent ? [withClocks(resource, eventData([]), [], names, lastEvent)] : [];
  });
  return { node: names.node, writtenAt: rfc3339(now), bootId, resources, ports: portRecords(node) };
}

const portRecords = (node: NodeClocks): PortRecord[] =>
  [...node.configs.values()].flatMap(({ name, roles }) =>
    [...roles.values()].map(({ port, role }) => ({ config: name, number: port.number, interface: port.iface, role })),
  );
