import { randomUUID } from 'node:crypto';
import { bus } from '../shared/contract/bus.js';
import { encodeOwnEvent } from '../shared/event.js';
import type { ClockRecord } from '../shared/messages.js';
import { eventSubject, resourceAddress } from '../shared/subjects.js';
import { dataOf } from './event/fromChange.js';
import type { Names } from './event/names.js';
import type { Journeys } from './journeys.js';
import type { Outgoing } from './outbox.js';
import { rfc3339 } from './records.js';
import type { Change } from './state/change.js';
import type { Told } from './state/clock.js';
import { changeKey } from './state/key.js';
import type { Resource } from './state/view.js';

/** An event that is ready for the bus, with what is remembered once it is there. */
export interface Announcement extends Outgoing {
  resource: Resource;
  time: string;
  sequence: number;
  change: Change;
}

/** Makes the events of changes and numbers them, per resource. */
export class Announcer {
  readonly #names: Names;
  readonly #journeys: Journeys;
  readonly #sequences = new Map<Resource, number>();

  constructor(names: Names, journeys: Journeys) {
    this.#names = names;
    this.#journeys = journeys;
  }

  /** The number of a resource's last event on the bus; the next one continues from it. */
  continueFrom(resource: Resource, sequence: number): void {
    this.#sequences.set(resource, Math.max(sequence, this.#sequences.get(resource) ?? 0));
  }

  /**
   * @param record the clock as it is now; none for the whole node
   */
  announce(change: Change, record: ClockRecord | undefined, at: Told): Announcement {
    const { now } = at;
    const { resource } = change;
    const { path, type } = bus.resources[resource];
    // The first event ever of a resource begins at the time in ms: a number that no earlier collector can have reached.
    const sequence = (this.#sequences.get(resource) ?? now - 1) + 1;
    this.#sequences.set(resource, sequence);
    const id = randomUUID();
    const time = rfc3339(now);
    const source = resourceAddress(this.#names.node, path);
    const subject = eventSubject(this.#names.node, path);
    const data = dataOf(change, this.#names);
    const state = data.values[0]?.value ?? '';
    const journey = this.#journeys.begin({ id, subject, type, source, resource: path, traffic: 'event', state }, at);
    const { traceparent } = journey;
    return {
      id,
      subject,
      body: encodeOwnEvent({ id, source, type, time, sequence: String(sequence), traceparent, data }),
      headers: record ? { [bus.headers.clock]: JSON.stringify(record) } : {},
      clock: changeKey(change),
      journey,
      resource,
      time,
      sequence,
      change,
    };
  }
}
