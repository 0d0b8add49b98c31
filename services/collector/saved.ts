import { bus } from '../shared/contract/bus.js';
import type { PtpEvent } from '../shared/event.js';
import type { ClockRecord, LastEvent, ResourceState } from '../shared/messages.js';
import { PROCESSES, type ClockState, type Nanoseconds, type Process } from './parse/observation.js';
import { nanoseconds } from './parse/numbers.js';
import type { SavedNode } from './state/restore.js';
import { RESOURCES, type ClockView, type Resource } from './state/view.js';
import type { Remembered } from './stateStore.js';

const STATES: ReadonlySet<string> = new Set(['FREERUN', 'LOCKED', 'HOLDOVER']);
const NOTHING: SavedNode = { clocks: [], ports: [], isSameBoot: true };

/** What the value in ptp_states says, mended by events that are newer than it. */
export function readSaved({ state, lastEvents }: Remembered, bootId: string): SavedNode {
  if (state === undefined) return NOTHING;
  const clocks = RESOURCES.flatMap((resource) => {
    const saved = state.resources.find(({ resource: path }) => path === bus.resources[resource].path);
    if (saved === undefined || resource === 'syncState') return [];
    return mended(saved, lastEvents.get(resource)).flatMap((record) => {
      const clock = viewOf(record);
      return clock ? [{ resource, clock, lastLineMs: Date.parse(record.lastLineAt ?? '') || 0 }] : [];
    });
  });
  const ports = state.ports.map(({ config, number, interface: iface, role }) => ({ config, number, iface, role }));
  return { clocks, ports, isSameBoot: state.bootId === bootId && bootId !== '' };
}

/** The overall state published last: the bus itself knows best. */
export function savedOverall({ state, lastEvents }: Remembered): ClockState | undefined {
  const { path } = bus.resources.syncState;
  const saved = state?.resources.find(({ resource }) => resource === path);
  const data = lastEvents.get('syncState')?.data ?? (saved?.lastEvent && saved.data);
  const word = data?.values[0]?.value;
  return word !== undefined && STATES.has(word) ? (word as ClockState) : undefined;
}

/** The last event of a resource: of the bus, or of the value where the bus has lost it already. */
export function savedLastEvent(resource: Resource, { state, lastEvents }: Remembered): LastEvent | undefined {
  const { path } = bus.resources[resource];
  const saved = state?.resources.find((one) => one.resource === path)?.lastEvent;
  const event = lastEvents.get(resource);
  if (event === undefined || Number(event.sequence) < Number(saved?.sequence ?? 0)) return saved;
  return { id: event.id, time: event.time, sequence: event.sequence };
}

/**
 * The value is written after the event's ack, so a collector that was killed in between left a value that is one event
 * behind: the event says what became of its clock.
 */
function mended({ clocks, lastEvent }: ResourceState, event: PtpEvent | undefined): ClockRecord[] {
  if (event === undefined || Number(event.sequence) <= Number(lastEvent?.sequence ?? -1)) return clocks;
  const [state, offset] = event.data?.values ?? [];
  // SyncE quality is two values, and GNSS and SyncE words say less than their records: those are published once more.
  if (state === undefined || state.data_type !== 'notification' || !STATES.has(state.value)) return clocks;
  return clocks.map((record) => {
    if (record.address !== state.ResourceAddress) return record;
    const { holdoverEndsMs: _, ...rest } = record;
    return { ...rest, state: state.value, since: event.time, ...(offset && { offset: offset.value }) };
  });
}

function viewOf(record: ClockRecord): ClockView | undefined {
  const { config, interface: iface, state: word, lock, offset, rememberedOffset } = record;
  const process = PROCESSES.find((known): known is Process => known === record.process);
  const since = Date.parse(record.since);
  if (process === undefined || word === '' || Number.isNaN(since)) return undefined;
  const state = lock ?? word;
  return {
    config,
    process,
    iface,
    device: record.device ?? '',
    networkOption: record.networkOption,
    word,
    lock: STATES.has(state) ? (state as ClockState) : word === 'SYNCHRONIZED' ? 'LOCKED' : 'FREERUN',
    offsetNs: numberOf(offset),
    rememberedNs: numberOf(rememberedOffset ?? offset),
    fix: record.gpsFix,
    since,
    holdoverEndsMs: typeof record.holdoverEndsMs === 'number' ? record.holdoverEndsMs : undefined,
    lastLine: undefined,
  };
}

const numberOf = (text: string | undefined): Nanoseconds | undefined => nanoseconds(text);
