import { setTimeout as pause } from 'node:timers/promises';
import type { JetStreamClient, JetStreamManager, StoredMsg } from '@nats-io/jetstream';
import { Kvm, type KV, type KvEntry } from '@nats-io/kv';
import { isBelievableSequence } from '../shared/believable.js';
import { isForbidden } from '../shared/broker.js';
import type { Clock } from '../shared/clock.js';
import { bus } from '../shared/contract/bus.js';
import { Doublings } from '../shared/doublings.js';
import { BadEvent, decodeEvent, type PtpEvent } from '../shared/event.js';
import type { Logger } from '../shared/log.js';
import { BadMessage, parseMessage } from '../shared/messageChecks.js';
import type { ClockRecord, NodeState, ResourceState } from '../shared/messages.js';
import { eventSubject, nodeToken, resourceAddress } from '../shared/subjects.js';
import { isClockOf } from './savedClock.js';
import { RESOURCES, type Resource } from './state/view.js';

const RETRY_MS = 1_000;
/** From one write of the state to the next, unless it must not wait. */
const WRITE_EVERY_MS = 250;

/** What the bus remembers about this node: the value in ptp_states, and the last event of each resource. */
export interface Remembered {
  state: NodeState | undefined;
  lastEvents: Map<Resource, PtpEvent>;
  /** The clock of each of these events, as it was then. */
  lastClocks: Map<Resource, ClockRecord>;
  /** Of resources whose last event cannot be read: a sequence that no earlier event of it can have reached. */
  unreached: Map<Resource, number>;
}

/** What of it cannot be read. */
export type Unreadable = 'state' | 'last_event' | 'clock';

export interface BusAccess {
  js: JetStreamClient;
  jsm: JetStreamManager;
  clock: Clock;
  log: Logger;
  signal: AbortSignal;
  /** Told once of everything that is there and cannot be read: it counts as not remembered. */
  onUnreadable: (what: Unreadable) => void;
}

/**
 * Reads it, and tries again for as long as the bus cannot answer; undefined when `signal` was aborted meanwhile. What is
 * there was written by whoever has a right on the bus: what cannot be read is nothing remembered.
 */
export async function readRemembered(nodeName: string, access: BusAccess): Promise<Remembered | undefined> {
  const { log, signal, onUnreadable } = access;
  const told = new Set<string>();
  const unreadable = (what: Unreadable, where: string, err: unknown): void => {
    if (told.has(`${what} ${where}`)) return;
    told.add(`${what} ${where}`);
    onUnreadable(what);
    log.warn({ err, what, where }, 'what was remembered cannot be read, going on without it');
  };
  const failures = new Doublings();
  while (!signal.aborted) {
    try {
      return await readOnce(nodeName, access, unreadable);
    } catch (err) {
      failures.tell((times) => log.warn({ err, times }, 'cannot read what was published before, trying again'));
      await pause(RETRY_MS);
    }
  }
  return undefined;
}

type OnUnreadable = (what: Unreadable, where: string, err: unknown) => void;

async function readOnce(nodeName: string, access: BusAccess, unreadable: OnUnreadable): Promise<Remembered> {
  const { jsm, clock } = access;
  const remembered: Remembered = {
    state: await readState(nodeName, access, unreadable),
    lastEvents: new Map(),
    lastClocks: new Map(),
    unreached: new Map(),
  };
  for (const resource of RESOURCES) {
    const { path } = bus.resources[resource];
    const subject = eventSubject(nodeName, path);
    let last: StoredMsg | null;
    try {
      last = await jsm.direct.getMessage(bus.streams.events, { last_by_subj: subject });
    } catch (err) {
      if (!isForbidden(err)) throw err;
      unreadable('last_event', path, err);
      continue;
    }
    if (last === null) continue;
    // The node's clock may show any time; the broker's stamp tells at least when the event was there.
    const at = Math.max(clock.now(), Date.parse(last.timestamp) || 0);
    try {
      const event = decodeEvent(last.data, resourceAddress(nodeName, path));
      if (!isBelievableSequence(event.sequence, at)) throw new BadEvent(`sequence ${event.sequence} is nobody's`);
      remembered.lastEvents.set(resource, event);
    } catch (err) {
      unreadable('last_event', path, err);
      remembered.unreached.set(resource, at);
      continue;
    }
    try {
      const own = readClock(last.header.get(bus.headers.clock), resource);
      if (own) remembered.lastClocks.set(resource, own);
    } catch (err) {
      unreadable('clock', path, err);
    }
  }
  return remembered;
}

async function readState(
  nodeName: string,
  { js, clock }: BusAccess,
  unreadable: OnUnreadable,
): Promise<NodeState | undefined> {
  const key = nodeToken(nodeName);
  let entry: KvEntry | null;
  try {
    entry = await (await openStates(js)).get(key);
  } catch (err) {
    if (!isForbidden(err)) throw err;
    unreadable('state', key, err);
    return undefined;
  }
  // A deleted key leaves a marker.
  if (entry === null || entry.operation === 'DEL' || entry.operation === 'PURGE') return undefined;
  try {
    const state = parseMessage('NodeState', entry.value);
    if (state.node !== nodeName) throw new BadMessage(`the value is about ${state.node}`);
    const at = Math.max(clock.now(), entry.created.getTime() || 0);
    return { ...state, resources: state.resources.map((one) => believed(one, at, unreadable)) };
  } catch (err) {
    unreadable('state', key, err);
    return undefined;
  }
}

/** A resource without what is of the right shape and cannot be true. */
function believed({ lastEvent, ...rest }: ResourceState, at: number, unreadable: OnUnreadable): ResourceState {
  const { resource: path } = rest;
  const resource = RESOURCES.find((one) => bus.resources[one].path === path);
  const isBelieved = lastEvent === undefined || isBelievableSequence(lastEvent.sequence, at);
  if (!isBelieved) unreadable('state', path, new BadMessage(`sequence ${lastEvent.sequence} is nobody's`));
  const clocks = rest.clocks.filter((one) => {
    if (resource === undefined || isClockOf(resource, one)) return true;
    unreadable('clock', path, new BadMessage(`no clock of ${path}: ${one.process} ${one.state}`));
    return false;
  });
  return { ...rest, clocks, ...(lastEvent && isBelieved && { lastEvent }) };
}

/** Events of older collectors, and those made over REST, have no such header. Throws BadMessage. */
function readClock(header: string, resource: Resource): ClockRecord | undefined {
  if (header === '') return undefined;
  const record = parseMessage('Clock', header);
  if (!isClockOf(resource, record)) throw new BadMessage(`no clock of it: ${record.process} ${record.state}`);
  return record;
}

/** The bucket ptp_states; it is not made here. */
export const openStates = (js: JetStreamClient): Promise<KV> =>
  new Kvm(js).open(bus.buckets.states, { bindOnly: true, allow_direct: true });

export interface StateWriterOptions {
  /** Gives the bucket; asked again until it does. */
  open: () => Promise<Pick<KV, 'put'>>;
  nodeName: string;
  clock: Clock;
  log: Logger;
  /** The value as of now. */
  value: () => NodeState;
}

/** An event that the stream has, and that the value is to show. */
export interface StoredEvent {
  subject: string;
  /** Whose state it tells. */
  clock: string;
}

/**
 * Writes the node's value in ptp_states, one write at a time: at once when the last one is a while ago, else behind, and
 * several changes meanwhile make one write. A crash in between loses nothing, since the last event of each subject is on
 * the stream and tells its clock (ADR 32). So it waits only while that is enough: with an event of another clock on the
 * same subject it does not.
 */
export class StateWriter {
  readonly #options: StateWriterOptions;
  #kv: Pick<KV, 'put'> | undefined;
  /** Resolves whether it is written. */
  #writing: Promise<boolean> | undefined;
  #isWanted = false;
  /** Clocks that only the stream tells of, by subject. */
  readonly #behind = new Map<string, string>();
  #isUrgent = false;
  /** The next write is due then. */
  #fromMs = -Infinity;
  #isRetrying = false;
  #isClosing = false;
  readonly #failures: Doublings;
  #cancelPause: (() => void) | undefined;

  constructor(options: StateWriterOptions) {
    this.#options = options;
    this.#failures = new Doublings(options.clock);
  }

  /**
   * Something changed that is worth remembering.
   * @param event that tells of it on the stream; undefined: nothing else does, so it is written at once
   */
  save(event?: StoredEvent): void {
    this.#isWanted = true;
    if (event === undefined || this.#isBehindWithAnother(event)) this.#isUrgent = true;
    this.#start();
  }

  /** Writes the newest value, once, and gives up on trouble. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#endPause();
    const isBusAnswering = (await this.#writing) ?? true;
    if (isBusAnswering) await this.#write();
  }

  /** The last event of a subject tells of one clock only. */
  #isBehindWithAnother({ subject, clock }: StoredEvent): boolean {
    const known = this.#behind.get(subject);
    if (known === undefined) this.#behind.set(subject, clock);
    return known !== undefined && known !== clock;
  }

  #start(): void {
    if (this.#writing !== undefined || this.#isClosing) return;
    const { clock } = this.#options;
    const isDue = clock.monotonic() >= this.#fromMs || (this.#isUrgent && !this.#isRetrying);
    if (!isDue) {
      this.#cancelPause ??= clock.wakeAt(this.#fromMs, () => {
        this.#cancelPause = undefined;
        this.#start();
      });
      return;
    }
    this.#endPause();
    this.#writing = this.#write();
  }

  #endPause(): void {
    this.#cancelPause?.();
    this.#cancelPause = undefined;
  }

  async #write(): Promise<boolean> {
    const { open, nodeName, clock, log, value } = this.#options;
    try {
      this.#kv ??= await open();
      this.#isWanted = false;
      this.#isUrgent = false;
      this.#behind.clear();
      this.#fromMs = clock.monotonic() + WRITE_EVERY_MS;
      await this.#kv.put(nodeToken(nodeName), JSON.stringify(value()));
      this.#failures.reset();
      this.#isRetrying = false;
    } catch (err) {
      this.#isWanted = true;
      this.#failures.tell((times) => log.warn({ err, times }, 'state not saved, trying again'));
      this.#fromMs = clock.monotonic() + RETRY_MS;
      this.#isRetrying = true;
    }
    // In the same turn as the decision to end: what is wanted a moment later begins anew.
    this.#writing = undefined;
    if (this.#isWanted) this.#start();
    return !this.#isRetrying;
  }
}
