import type { Clock } from '../shared/clock.js';
import type { ClockRecord, LastEvent, NodeState } from '../shared/messages.js';
import { Announcer, type Announcement } from './announcer.js';
import type { Names } from './event/names.js';
import type { Journeys } from './journeys.js';
import type { Outbox, Outgoing } from './outbox.js';
import { clockRecord, forgottenRecord, nodeState } from './records.js';
import { readSaved, savedLastEvent, savedOverall } from './saved.js';
import type { Change } from './state/change.js';
import type { Instant, Told } from './state/clock.js';
import { changeKey, clockKey } from './state/key.js';
import type { NodeClocks } from './state/nodeClocks.js';
import { reconcile, type HeldChange } from './state/reconcile.js';
import { clocksOf, RESOURCES, type ClockView, type Resource } from './state/view.js';
import type { Remembered } from './stateStore.js';

/** How long the file of a configuration known from before the start may be missing before it counts as deleted. */
const ORPHANS_MS = 30_000;
/** So long after the newest state of a clock was dropped it is told again. */
const OWED_MS = 60_000;

export interface PublicationOptions {
  clocks: NodeClocks;
  names: Names;
  clock: Clock;
  journeys: Journeys;
  bootId: string;
  /** Changes held at most until it is known what was published before. */
  limit: number;
  onAnnounced: (change: Change, at: Instant) => void;
}

/**
 * From changes to events, and what the bus knows of them. Until the bus has told what was published before, changes are
 * held back: a state that is known already is no event.
 */
export class Publication {
  readonly lastEvents = new Map<Resource, LastEvent>();
  readonly #options: PublicationOptions;
  readonly #announcer: Announcer;
  /** What the bus knows of each clock: its record as of the newest stored event. */
  readonly #stored = new Map<string, ClockRecord>();
  /** Clocks with events on their way, and how many. */
  readonly #pending = new Map<string, number>();
  /** The record that comes with each event on its way; none for a clock that is forgotten with it. */
  readonly #records = new Map<string, ClockRecord>();
  /** Newest states that the bus was never given, by clock: it believes an older one. */
  readonly #owed = new Map<string, Change>();
  #cancelOwed: (() => void) | undefined;
  #held: HeldChange[] = [];
  #outbox: Outbox | undefined;

  constructor(options: PublicationOptions) {
    this.#options = options;
    this.#announcer = new Announcer(options.names, options.journeys);
  }

  /** Never waits. */
  publish(changes: readonly Change[], at: Told): void {
    if (this.#outbox) for (const change of changes) this.#announce(this.#outbox, change, at);
    else this.#hold(changes, at);
  }

  /** What was published before is known now: what is new since goes out. */
  open(outbox: Outbox, remembered: Remembered, at: Instant): void {
    const { clocks, bootId } = this.#options;
    for (const resource of RESOURCES) {
      const unreached = remembered.unreached.get(resource);
      if (unreached !== undefined) this.#announcer.continueFrom(resource, unreached);
      const last = savedLastEvent(resource, remembered);
      if (last === undefined) continue;
      this.lastEvents.set(resource, last);
      this.#announcer.continueFrom(resource, Number(last.sequence));
    }
    const saved = readSaved(remembered, bootId, at.monotonic);
    const news = reconcile(clocks, saved, savedOverall(remembered), this.#held, at);
    this.#held = [];
    this.#outbox = outbox;
    if ([...clocks.configs.values()].some(({ isOrphan }) => isOrphan)) clocks.orphansEndMs = at.monotonic + ORPHANS_MS;
    for (const resource of RESOURCES) {
      for (const view of clocksOf(clocks, resource)) {
        if (view.lastLine === undefined) this.#stored.set(clockKey(resource, view), this.#record(view));
      }
    }
    for (const { change, at: heardAt } of news) this.#announce(outbox, change, heardAt);
    this.publish(clocks.checkOverall(at), at);
  }

  onStored(event: Outgoing): void {
    const { resource, id, time, sequence } = event as Announcement;
    this.lastEvents.set(resource, { id, time, sequence: String(sequence) });
    const record = this.#records.get(id);
    if (record) this.#stored.set(event.clock, record);
    else this.#stored.delete(event.clock);
    this.#settle(event);
  }

  /** The bus will never have it. If it was the newest of its clock, the state is told again later, as another event. */
  onDropped(event: Outgoing): void {
    this.#settle(event);
    if (this.#pending.has(event.clock)) return;
    const { clock } = this.#options;
    this.#owed.set(event.clock, (event as Announcement).change);
    this.#cancelOwed ??= clock.wakeAt(clock.monotonic() + OWED_MS, () => this.#tellOwed());
  }

  /** Tells nothing again. */
  close(): void {
    this.#cancelOwed?.();
  }

  /** The node's value in ptp_states. */
  nodeState(now: number): NodeState {
    const { clocks: node, names, bootId } = this.#options;
    const known = (resource: Resource): ClockRecord[] => this.#knownToTheBus(resource);
    return nodeState({ node, names, bootId, now, lastEvents: this.lastEvents, clocksOf: known });
  }

  /**
   * Every clock as it is now; of one with events on their way, or whose newest was dropped, what the bus knows already: a
   * collector that is started again tells what the bus was never given.
   */
  #knownToTheBus(resource: Resource): ClockRecord[] {
    const now = new Map(clocksOf(this.#options.clocks, resource).map((view) => [clockKey(resource, view), view]));
    const behindKeys = new Set([...this.#pending.keys(), ...this.#owed.keys()]);
    const settled = [...now].filter(([key]) => !behindKeys.has(key)).map(([, view]) => this.#record(view));
    const behind = [...behindKeys].filter((key) => key.split(' ')[0] === resource);
    return [...settled, ...behind.flatMap((key) => this.#stored.get(key) ?? [])];
  }

  #hold(changes: readonly Change[], at: Told): void {
    const heldMs = this.#options.clock.monotonic();
    this.#held.push(...changes.map((change) => ({ change, at: { ...at, heldMs } })));
    if (this.#held.length <= this.#options.limit) return;
    // The newest of every clock stays, in order.
    const newest = new Map(this.#held.map((held) => [changeKey(held.change), held]));
    this.#held = this.#held.filter((held) => newest.get(changeKey(held.change)) === held);
  }

  #announce(outbox: Outbox, change: Change, at: Told): void {
    const { clocks, names, journeys, onAnnounced } = this.#options;
    const key = changeKey(change);
    const view = clocksOf(clocks, change.resource).find((one) => clockKey(change.resource, one) === key);
    const record = view && this.#record(view);
    const told = change.resource === 'syncState' ? undefined : (record ?? forgottenRecord(change, names, at.now));
    const event = this.#announcer.announce(change, told, at);
    if (record) this.#records.set(event.id, record);
    this.#pending.set(event.clock, (this.#pending.get(event.clock) ?? 0) + 1);
    this.#owed.delete(event.clock);
    onAnnounced(change, at);
    journeys.made(event.journey, at);
    outbox.add(event);
  }

  #tellOwed(): void {
    const { clock } = this.#options;
    this.#cancelOwed = undefined;
    this.publish([...this.#owed.values()], { now: clock.now(), monotonic: clock.monotonic() });
  }

  #settle(event: Outgoing): void {
    this.#records.delete(event.id);
    const left = (this.#pending.get(event.clock) ?? 1) - 1;
    if (left > 0) this.#pending.set(event.clock, left);
    else this.#pending.delete(event.clock);
  }

  #record(view: ClockView): ClockRecord {
    return clockRecord(view, this.#options.names);
  }
}
