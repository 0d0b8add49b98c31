import { setTimeout as pause } from 'node:timers/promises';
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import { Kvm, type KV } from '@nats-io/kv';
import type { Clock } from '../shared/clock.js';
import { bus } from '../shared/contract/bus.js';
import { Doublings } from '../shared/doublings.js';
import { decodeEvent, type PtpEvent } from '../shared/event.js';
import type { Logger } from '../shared/log.js';
import type { ClockRecord, NodeState } from '../shared/messages.js';
import { eventSubject, nodeToken, resourceAddress } from '../shared/subjects.js';
import { RESOURCES, type Resource } from './state/view.js';

const RETRY_MS = 1_000;

/** What the bus remembers about this node: the value in ptp_states, and the last event of each resource. */
export interface Remembered {
  state: NodeState | undefined;
  lastEvents: Map<Resource, PtpEvent>;
  /** The clock of each of these events, as it was then. */
  lastClocks: Map<Resource, ClockRecord>;
}

/** Reads it, and tries again for as long as the bus cannot answer; undefined when `signal` was aborted meanwhile. */
export async function readRemembered(
  nodeName: string,
  access: { js: JetStreamClient; jsm: JetStreamManager; log: Logger; signal: AbortSignal },
): Promise<Remembered | undefined> {
  const failures = new Doublings();
  while (!access.signal.aborted) {
    try {
      return await readOnce(nodeName, access);
    } catch (err) {
      failures.tell((times) => access.log.warn({ err, times }, 'cannot read what was published before, trying again'));
      await pause(RETRY_MS);
    }
  }
  return undefined;
}

async function readOnce(
  nodeName: string,
  { js, jsm, log }: { js: JetStreamClient; jsm: JetStreamManager; log: Logger },
): Promise<Remembered> {
  const kv = await openStates(js);
  const entry = await kv.get(nodeToken(nodeName));
  const lastEvents = new Map<Resource, PtpEvent>();
  const lastClocks = new Map<Resource, ClockRecord>();
  for (const resource of RESOURCES) {
    const { path } = bus.resources[resource];
    const last = { last_by_subj: eventSubject(nodeName, path) };
    const message = await jsm.direct.getMessage(bus.streams.events, last);
    if (message === null) continue;
    try {
      lastEvents.set(resource, decodeEvent(message.data, resourceAddress(nodeName, path)));
      const clock = readClock(message.header.get(bus.headers.clock));
      if (clock) lastClocks.set(resource, clock);
    } catch (err) {
      log.warn({ err, resource }, 'the last event on the bus is none of ours, left aside');
    }
  }
  return { state: entry === null ? undefined : entry.json<NodeState>(), lastEvents, lastClocks };
}

/** Events of older collectors, and those made over REST, have no such header. */
function readClock(header: string): ClockRecord | undefined {
  if (header === '') return undefined;
  const clock = JSON.parse(header) as Partial<ClockRecord> | null;
  const required = [clock?.config, clock?.process, clock?.interface, clock?.state, clock?.since];
  return required.every((member) => typeof member === 'string') ? (clock as ClockRecord) : undefined;
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

/** Writes the node's value in ptp_states: one write at a time, and several changes meanwhile make one more. */
export class StateWriter {
  readonly #options: StateWriterOptions;
  #kv: Pick<KV, 'put'> | undefined;
  #writing: Promise<void> | undefined;
  #isWanted = false;
  readonly #failures: Doublings;
  #cancelRetry: (() => void) | undefined;

  constructor(options: StateWriterOptions) {
    this.#options = options;
    this.#failures = new Doublings(options.clock);
  }

  /** Something changed that is worth remembering. */
  save(): void {
    this.#isWanted = true;
    if (this.#cancelRetry) return;
    this.#writing ??= this.#write();
  }

  /** Writes the newest value, once, and gives up on trouble. */
  async close(): Promise<void> {
    this.#stopRetrying();
    this.save();
    await this.#writing;
    this.#stopRetrying();
  }

  #stopRetrying(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
  }

  async #write(): Promise<void> {
    const { open, nodeName, clock, log, value } = this.#options;
    while (this.#isWanted) {
      this.#isWanted = false;
      try {
        this.#kv ??= await open();
        await this.#kv.put(nodeToken(nodeName), JSON.stringify(value()));
        this.#failures.reset();
      } catch (err) {
        this.#isWanted = true;
        this.#failures.tell((times) => log.warn({ err, times }, 'state not saved, trying again'));
        this.#cancelRetry = clock.wakeAt(clock.monotonic() + RETRY_MS, () => {
          this.#cancelRetry = undefined;
          this.save();
        });
        break;
      }
    }
    // In the same turn as the decision to end: what is wanted a moment later begins anew.
    this.#writing = undefined;
  }
}
