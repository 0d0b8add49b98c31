import type { Change } from './state/change.js';
import type { Resource } from './state/view.js';

const WHOLE_NODE = 'node';

export interface StateLabels {
  resource: Resource;
  config: string;
  process: string;
  /** Real interface name, or CLOCK_REALTIME; `node` in each label stands for the whole node. */
  clock: string;
}

export interface StateSample {
  labels: StateLabels & { state: string };
  transitions: number;
  seconds: number;
}

interface Times {
  labels: StateLabels;
  state: string;
  enteredMs: number;
  transitions: Map<string, number>;
  spentMs: Map<string, number>;
}

/** How often each clock entered each of its states, and how long it was in them, since the collector started. */
export class StateTimes {
  readonly #clocks = new Map<string, Times>();

  note(change: Change, atMs: number): void {
    const entered = whichState(change);
    if (entered === undefined) return;
    const { labels, state } = entered;
    const key = Object.values(labels).join(' ');
    if (labels.resource === 'osClockSyncState') this.#endOthers(key, labels.resource, atMs);
    const times = this.#clocks.get(key);
    if (times === undefined) {
      this.#clocks.set(key, { labels, state, enteredMs: atMs, transitions: new Map([[state, 1]]), spentMs: new Map() });
      return;
    }
    times.spentMs.set(times.state, spent(times, times.state, atMs));
    times.transitions.set(state, (times.transitions.get(state) ?? 0) + 1);
    times.state = state;
    times.enteredMs = atMs;
  }

  /** CLOCK_REALTIME is one clock: it is in no state of the process that steered it before. */
  #endOthers(key: string, resource: Resource, atMs: number): void {
    for (const [other, times] of this.#clocks) {
      if (other === key || times.labels.resource !== resource || times.state === '') continue;
      times.spentMs.set(times.state, spent(times, times.state, atMs));
      times.state = '';
    }
  }

  /** Configurations that are gone leave nothing behind. */
  samples(atMs: number, isThere: (config: string) => boolean): StateSample[] {
    for (const [key, { labels }] of this.#clocks) {
      if (labels.config !== WHOLE_NODE && !isThere(labels.config)) this.#clocks.delete(key);
    }
    return [...this.#clocks.values()].flatMap((times) =>
      [...times.transitions].map(([state, transitions]) => ({
        labels: { ...times.labels, state },
        transitions,
        seconds: spent(times, state, atMs) / 1_000,
      })),
    );
  }
}

const spent = (times: Times, state: string, atMs: number): number =>
  (times.spentMs.get(state) ?? 0) + (times.state === state ? atMs - times.enteredMs : 0);

function whichState(change: Change): { labels: StateLabels; state: string } | undefined {
  const { resource } = change;
  switch (resource) {
    case 'syncState':
      return { labels: { resource, config: WHOLE_NODE, process: WHOLE_NODE, clock: WHOLE_NODE }, state: change.state };
    case 'lockState':
    case 'osClockSyncState': {
      const { config, process, iface } = change;
      return { labels: { resource, config, process, clock: iface }, state: change.state };
    }
    case 'gnssSyncStatus':
      return { labels: { resource, config: change.config, process: 'gnss', clock: change.iface }, state: change.word };
    case 'synceLockState':
      return {
        labels: { resource, config: change.config, process: 'synce4l', clock: change.iface },
        state: change.state,
      };
    case 'clockClass':
    case 'synceClockQuality':
      return undefined;
  }
}
