import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { JetStreamApiCodes, JetStreamApiError, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import { Kvm, type KV, type KvEntry } from '@nats-io/kv';
import { validate as isUuid } from 'uuid';
import { jetStream, type NatsConnection } from '../../shared/broker.js';
import type { Clock } from '../../shared/clock.js';
import { bus } from '../../shared/contract/bus.js';
import { BadEvent, decodeEvent, encodeEvent, makeEvent } from '../../shared/event.js';
import { excerpt } from '../../shared/excerpt.js';
import { isBelievableSequence } from '../../shared/believable.js';
import { BadMessage } from '../../shared/messageChecks.js';
import type { EventData } from '../../shared/messages.js';
import { eventSubject, isNodeToken, nodeOfToken, nodeToken, resourceAddress } from '../../shared/subjects.js';
import { isErased, readBucket } from '../bucket.js';
import { RESOURCES, type ResourceFilter } from '../subscriptions/resource.js';
import type { Unreadable } from '../unreadable.js';
import { Unavailable } from '../subscriptions/subscriptions.js';
import { liveNodes } from './collectors.js';
import { readNativeEvent } from './nativeEvent.js';
import { publisherId, readPublisher, type Publisher, type PublisherRecord } from './record.js';

/** An id that names no publisher. */
export class UnknownPublisher extends Error {
  override name = 'UnknownPublisher';
}

/** A node that has a collector: nobody else publishes its states. */
export class HasCollector extends Error {
  override name = 'HasCollector';
}

/** Somebody else published the same resource each time we tried. */
export class Contended extends Error {
  override name = 'Contended';
}

/** What a client asked for, already checked: an exact resource of one node. */
export interface PublisherRequest {
  resource: string;
  filter: ResourceFilter;
  endpointUri: string | null;
  owner: string;
}

interface Deps {
  broker: NatsConnection;
  js: JetStreamClient;
  jsm: JetStreamManager;
  /** ptp_states: what collectors publish. */
  states: KV;
  /** ptp_publishers: what was made over REST. */
  publishers: KV;
  scope: string;
  unreadable: Unreadable;
  now: () => number;
}

const PUBLISH_ATTEMPTS = 5;
/** How many publishers there are is not asked more often for the metrics, and not waited for any longer. */
const COUNT_EVERY_MS = 30_000;
const COUNT_MS = 1_000;
const TYPES = new Map<string, string>(Object.values(bus.resources).map(({ path, type }) => [path, type]));

/** Who publishes on the bus: the collectors that live, one publisher per node and resource, and those made over REST. */
export class Publishers {
  readonly #deps: Deps;
  #listing: Promise<Publisher[]> | undefined;
  #counted: { count: number; at: number } | undefined;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** All of them; callers at the same time share one reading. Throws Unavailable. */
  list(): Promise<Publisher[]> {
    this.#listing ??= this.#read().finally(() => (this.#listing = undefined));
    return this.#listing;
  }

  /** How many there are, as of the last time that was known; undefined while it never was. */
  async count(): Promise<number | undefined> {
    const { now } = this.#deps;
    if (this.#counted === undefined || Math.abs(now() - this.#counted.at) >= COUNT_EVERY_MS) {
      const listed = this.list().catch(() => {});
      await Promise.race([listed, pause(COUNT_MS, undefined, { ref: false })]);
    }
    return this.#counted?.count;
  }

  /** Throws UnknownPublisher. */
  async get(id: string): Promise<Publisher> {
    const publisher = (await this.list()).find((one) => one.id === id);
    if (publisher === undefined) throw unknown(id);
    return publisher;
  }

  /** Those made over REST. */
  async made(): Promise<PublisherRecord[]> {
    const { jsm, publishers, scope, unreadable } = this.#deps;
    const { values } = await answered(
      readBucket(publishers, jsm, {
        name: bus.buckets.publishers,
        keys: `${scope}.>`,
        read: (value, key) => this.#readMade(value, key),
        onUnreadable: (key, reason) => unreadable.note('publisher', { key, reason }),
      }),
    );
    return [...values.values()];
  }

  /** One that was made over REST. Throws HasCollector for a collector's, UnknownPublisher. */
  async madeOne(id: string): Promise<PublisherRecord> {
    const entry = isUuid(id) ? await answered(this.#deps.publishers.get(this.#key(id))) : null;
    const record = entry === null ? undefined : this.#readEntry(entry);
    if (record !== undefined) return record;
    throw hasCollector((await this.get(id)).resource);
  }

  /** The publisher of a resource: the existing one or a new one. Throws HasCollector. */
  async create({ resource, filter, endpointUri, owner }: PublisherRequest): Promise<PublisherRecord> {
    const { node, path } = filter;
    await this.#checkIsFree(node);
    const id = publisherId(node, path);
    const createdAt = new Date(this.#deps.now()).toISOString();
    const record: PublisherRecord = { id, resource, node, path, endpointUri, owner, createdAt };
    try {
      await answered(this.#deps.publishers.create(this.#key(id), JSON.stringify(record)));
      this.#counted = undefined;
      return record;
    } catch (err) {
      if (!isConflict(err)) throw err;
      return this.#takeUp(record, err);
    }
  }

  /** The one that is there already; when it is no publisher it is overwritten. */
  async #takeUp(record: PublisherRecord, conflict: unknown): Promise<PublisherRecord> {
    const key = this.#key(record.id);
    const entry = await answered(this.#deps.publishers.get(key));
    if (entry === null || isErased(entry)) throw new Contended('somebody else made or deleted it', { cause: conflict });
    const existing = this.#readEntry(entry);
    if (existing !== undefined) return existing;
    await answered(this.#deps.publishers.put(key, JSON.stringify(record), { previousSeq: entry.revision }));
    return record;
  }

  #readEntry(entry: KvEntry): PublisherRecord | undefined {
    if (isErased(entry)) return undefined;
    try {
      return this.#readMade(entry.value, entry.key);
    } catch (err) {
      if (!(err instanceof BadMessage)) throw err;
      this.#deps.unreadable.note('publisher', { key: entry.key, reason: err.message });
      return undefined;
    }
  }

  #readMade(value: Uint8Array, key: string): PublisherRecord {
    const record = readPublisher(value);
    if (key !== this.#key(record.id)) throw new BadMessage(`it is about ${record.id}`);
    return record;
  }

  async delete({ id }: PublisherRecord): Promise<void> {
    await answered(this.#deps.publishers.delete(this.#key(id)));
    this.#counted = undefined;
  }

  /**
   * Puts a v1 native event on the bus as the next event of the publisher's resource. Throws NotAnEvent, HasCollector,
   * Contended.
   */
  async publish({ node, path }: PublisherRecord, body: Record<string, unknown>): Promise<void> {
    await this.#checkIsFree(node);
    const event = readNativeEvent(body, { node, path, type: TYPES.get(path) ?? '' }, this.#deps.now());
    for (let attempt = 1; attempt <= PUBLISH_ATTEMPTS; attempt += 1) {
      if (await this.#publishNext(node, path, event)) return;
    }
    throw new Contended(`others are publishing ${resourceAddress(node, path)} at the same time`);
  }

  /** False when another event of the resource came in between. */
  async #publishNext(node: string, path: string, { time, data }: { time: string; data: EventData }): Promise<boolean> {
    const { js, jsm, now } = this.#deps;
    const subject = eventSubject(node, path);
    const source = resourceAddress(node, path);
    // Of the stream's leader: what a replica answers may be old.
    const last = await answered(jsm.streams.getMessage(bus.streams.events, { last_by_subj: subject }));
    const event = makeEvent({
      id: randomUUID(),
      source,
      type: TYPES.get(path) ?? '',
      time,
      sequence: String((last && sequenceOf(last.data, source, now())) ?? now()),
      traceparent: `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-00`,
      data,
    });
    try {
      const expect = { lastSubjectSequence: last?.seq ?? 0 };
      await answered(js.publish(subject, encodeEvent(event), { msgID: event.id, expect }));
      return true;
    } catch (err) {
      if (isConflict(err)) return false;
      throw err;
    }
  }

  async #read(): Promise<Publisher[]> {
    const { broker, jsm, states, now } = this.#deps;
    const known = await answered(nodesOf(states, jsm));
    const nodes = [...(await liveNodes(broker, known))].toSorted();
    const collectors = nodes.flatMap((node) => RESOURCES.map((path) => publisherOf(node, path)));
    const ids = new Set(collectors.map(({ id }) => id));
    const all = [...collectors, ...(await this.made()).filter(({ id }) => !ids.has(id))];
    this.#counted = { count: all.length, at: now() };
    return all;
  }

  async #checkIsFree(node: string): Promise<void> {
    const entry = await answered(this.#deps.states.get(nodeToken(node)));
    if (entry !== null && !isErased(entry)) throw hasCollector(resourceAddress(node, ''));
  }

  #key(id: string): string {
    return `${this.#deps.scope}.${id}`;
  }
}

export async function openPublishers(
  broker: NatsConnection,
  scope: string,
  { clock, unreadable }: { clock: Clock; unreadable: Unreadable },
): Promise<Publishers> {
  const { js, jsm } = await jetStream(broker);
  const kvm = new Kvm(js);
  const states = await kvm.open(bus.buckets.states, { allow_direct: true });
  const publishers = await kvm.open(bus.buckets.publishers, { allow_direct: true });
  return new Publishers({ broker, js, jsm, states, publishers, scope, unreadable, now: () => clock.now() });
}

/** What a collector publishes, whether or not there is anything to say about it yet. */
const publisherOf = (node: string, path: string): Publisher => ({
  id: publisherId(node, path),
  resource: resourceAddress(node, path),
  endpointUri: null,
});

/** The nodes that have ever written down a state; the values do not matter. */
async function nodesOf(states: KV, jsm: JetStreamManager): Promise<string[]> {
  const { values } = await readBucket(states, jsm, {
    name: bus.buckets.states,
    keys: '>',
    read: () => true,
    onUnreadable: () => {},
  });
  return [...values.keys()].filter(isNodeToken).map(nodeOfToken);
}

/** The sequence after the last event's, or undefined when the last message was no event, or its sequence nobody's. */
function sequenceOf(data: Uint8Array, source: string, now: number): number | undefined {
  try {
    const { sequence } = decodeEvent(data, source);
    return isBelievableSequence(sequence, now) ? Number(sequence) + 1 : undefined;
  } catch (err) {
    if (err instanceof BadEvent) return undefined;
    throw err;
  }
}

/** Throws Unavailable when the broker did not answer; that somebody was faster is an answer. */
async function answered<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (err) {
    if (isConflict(err)) throw err;
    throw new Unavailable('the broker did not answer', { cause: err });
  }
}

const isConflict = (err: unknown): boolean =>
  err instanceof JetStreamApiError && err.code === JetStreamApiCodes.StreamWrongLastSequence;

const hasCollector = (address: string): HasCollector =>
  new HasCollector(`${address} is published by the node's own collector, and by nobody else`);

const unknown = (id: string): UnknownPublisher => new UnknownPublisher(`there is no publisher "${excerpt(id)}"`);
