import { BELIEVED_AHEAD_MS } from '../shared/believable.js';
import { bus } from '../shared/contract/bus.js';
import type { ClockRecord, LastEvent } from '../shared/messages.js';
import { PROCESSES, type ClockState, type Nanoseconds, type Process } from './parse/observation.js';
import { nanoseconds } from './parse/numbers.js';
import { clockKey } from './state/key.js';
import type { SavedNode } from './state/restore.js';
import { RESOURCES, type ClockView, type Resource } from './state/view.js';
import type { Remembered } from './stateStore.js';

const STATES: ReadonlySet<string> = new Set(['FREERUN', 'LOCKED', 'HOLDOVER']);

/**
 * What the value in ptp_states says, mended by events that are newer than it.
 * @param monotonicMs now; a holdover that would end far beyond it gets a full one instead
 */
export function readSaved(remembered: Remembered, bootId: string, monotonicMs: number): SavedNode {
  const { state } = remembered;
  const clocks = RESOURCES.flatMap((resource) => {
    if (resource === 'syncState') return [];
    return mended(resource, remembered).flatMap((record) => {
      const clock = viewOf(record, monotonicMs + BELIEVED_AHEAD_MS);
      return clock ? [{ resource, clock, lastLineMs: Date.parse(record.lastLineAt ?? '') || 0 }] : [];
    });
  });
  const ports = state?.ports.map(({ config, number, interface: iface, role }) => ({ config, number, iface, role }));
  return { clocks, ports: ports ?? [], isSameBoot: state === undefined || (state.bootId === bootId && bootId !== '') };
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
 * behind: the event brings its clock along.
 */
function mended(resource: Resource, { state, lastEvents, lastClocks }: Remembered): ClockRecord[] {
  const { path } = bus.resources[resource];
  const saved = state?.resources.find((one) => one.resource === path);
  const records = saved?.clocks ?? [];
  const newest = lastClocks.get(resource);
  const sequence = Number(lastEvents.get(resource)?.sequence ?? 0);
  if (newest === undefined || sequence <= Number(saved?.lastEvent?.sequence ?? -1)) return records;
  const key = keyOf(resource, newest);
  return [...records.filter((record) => keyOf(resource, record) !== key), newest];
}

const keyOf = (resource: Resource, { config, process, interface: iface, device = '' }: ClockRecord): string =>
  clockKey(resource, { config, process: process as Process, iface, device });

function viewOf(record: ClockRecord, latestEndMs: number): ClockView | undefined {
  const { config, interface: iface, state: word, lock, offset, rememberedOffset, holdoverEndsMs } = record;
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
    holdoverEndsMs: typeof holdoverEndsMs === 'number' && holdoverEndsMs <= latestEndMs ? holdoverEndsMs : undefined,
    lastLine: undefined,
  };
}

const numberOf = (text: string | undefined): Nanoseconds | undefined => nanoseconds(text);
