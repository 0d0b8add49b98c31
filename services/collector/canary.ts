import { randomUUID } from 'node:crypto';
import type { Clock } from '../shared/clock.js';
import { bus as names } from '../shared/contract/bus.js';
import { encodeEvent, makeEvent } from '../shared/event.js';
import { canarySubject, resourceAddress } from '../shared/subjects.js';
import type { Bus } from './bus.js';
import { eventData, notification } from './event/values.js';
import type { Journeys } from './journeys.js';
import type { CollectorMetrics } from './metrics.js';
import { Outbox } from './outbox.js';
import { rfc3339 } from './records.js';

const EVERY_MS = 10_000;
/** Canaries of the whole cluster, a second. */
const MOST_PER_SECOND = 50;
/** By then a gateway has reported how large the cluster is. */
const FIRST_AFTER_MS = 6_000;
const WORD = 'OK';

export interface CanaryOptions {
  nodeName: string;
  clock: Clock;
  journeys: Journeys;
  outbox: Outbox;
  /** From 0 (included) to 1. */
  random: () => number;
  onSent: () => void;
}

/** Canaries wait in an outbox of their own, where a newer one takes the place of one that has not been tried yet. */
export function startCanaries(
  bus: Pick<Bus, 'sendCanary' | 'onBack'>,
  { metrics, ...options }: Omit<CanaryOptions, 'outbox' | 'onSent'> & { metrics: CollectorMetrics },
): Canary {
  const { clock, journeys } = options;
  const outbox = new Outbox({
    clock,
    limit: 1,
    send: bus.sendCanary,
    onStored: ({ journey }) => journeys.stored(journey),
    onDropped: ({ journey }, why) => {
      journeys.dropped(journey, why);
      metrics.canaries.inc({ outcome: 'dropped' });
    },
  });
  bus.onBack(() => outbox.retryNow());
  return new Canary({ ...options, outbox, onSent: () => metrics.canaries.inc({ outcome: 'made' }) });
}

/**
 * Publishes an event without news now and then, so that the delivery latency is known while nothing happens. It goes the
 * way of an event, but for its subject and stream.
 */
export class Canary {
  readonly #options: CanaryOptions;
  #everyMs = EVERY_MS;
  #sequence = 0;
  /** What it waits from, and the part of an interval that it waits. */
  #since: number;
  #part: number;
  #cancelAlarm: (() => void) | undefined;

  constructor(options: CanaryOptions) {
    this.#options = options;
    this.#since = options.clock.monotonic() + FIRST_AFTER_MS;
    // Collectors that were started together must not go on together.
    this.#part = options.random();
    this.#setAlarm();
  }

  /** The cluster has so many nodes. */
  setNodes(nodes: number): void {
    const everyMs = Math.max(EVERY_MS, (nodes / MOST_PER_SECOND) * 1_000);
    if (everyMs === this.#everyMs) return;
    this.#everyMs = everyMs;
    this.#setAlarm();
  }

  stop(): void {
    this.#cancelAlarm?.();
    this.#options.outbox.close();
  }

  #setAlarm(): void {
    const { clock } = this.#options;
    this.#cancelAlarm?.();
    this.#cancelAlarm = clock.wakeAt(this.#since + this.#part * this.#everyMs, () => this.#sing());
  }

  #sing(): void {
    const { nodeName, clock, journeys, outbox, onSent } = this.#options;
    const at = { now: clock.now(), monotonic: clock.monotonic() };
    this.#since = at.monotonic;
    this.#part = 1;
    this.#setAlarm();
    // Rises over restarts too, unless the wall clock was set back: nobody counts on it.
    this.#sequence = Math.max(this.#sequence + 1, Math.floor(at.now));
    const { path, type } = names.canary;
    const source = resourceAddress(nodeName, path);
    const id = randomUUID();
    const subject = canarySubject(nodeName);
    const journey = journeys.begin({ id, subject, type, source, resource: path, traffic: 'canary', state: WORD }, at);
    const event = makeEvent({
      id,
      source,
      type,
      time: rfc3339(at.now),
      sequence: String(this.#sequence),
      traceparent: journey.traceparent,
      data: eventData([notification(source, WORD)]),
    });
    const body = encodeEvent(event);
    journeys.made(journey, at);
    outbox.add({ id, subject, body, headers: {}, clock: '', journey });
    onSent();
  }
}
