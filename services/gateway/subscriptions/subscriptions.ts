import { randomUUID } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import type { Deliverer } from '../delivery/deliverer.js';
import type { Tail } from '../delivery/tail.js';
import { literalAddress } from '../endpoints/policy.js';
import { subscriptionId, type DataVersion, type SubscriptionRecord } from './record.js';
import type { ResourceFilter } from './resource.js';
import type { SubscriptionStore } from './store.js';

/** An id that names no subscription. */
export class UnknownSubscription extends Error {
  override name = 'UnknownSubscription';
}

/** The broker is away, or the gateway has not loaded yet or stops: the same request may succeed later. */
export class Unavailable extends Error {
  override name = 'Unavailable';
}

/** What a client asked for, already checked. */
export interface SubscribeRequest {
  resource: string;
  filter: ResourceFilter;
  endpointUri: string;
  endpoint: URL;
  dataVersion: DataVersion | undefined;
  /** The client's address. */
  owner: string;
}

interface Deps {
  scope: string;
  store: SubscriptionStore;
  deliverer: Deliverer;
  tail: Tail;
  now: () => number;
  /** A new subscription is sent the current states first (`INITIAL_NOTIFICATION`). */
  sendsInitialStates: boolean;
}

/** The subscriptions of a scope: what is stored in the bucket, and served by the deliverer. */
export class Subscriptions {
  readonly #deps: Deps;
  readonly #records = new Map<string, SubscriptionRecord>();
  /** One change of an id at a time. */
  readonly #changes = new Map<string, Promise<unknown>>();

  /** @param loaded what the bucket held; the caller has the deliverer serve them */
  constructor(deps: Deps, loaded: SubscriptionRecord[]) {
    this.#deps = deps;
    for (const record of loaded) this.#records.set(record.id, record);
  }

  get size(): number {
    return this.#records.size;
  }

  /** Throws UnknownSubscription. */
  get(id: string): SubscriptionRecord {
    const record = this.#records.get(id);
    if (record === undefined) throw new UnknownSubscription(`there is no subscription "${id}"`);
    return record;
  }

  /** The subscription for this endpoint and resource: the existing one, or a new one, stored and served. */
  create(request: SubscribeRequest): Promise<SubscriptionRecord> {
    const id = subscriptionId(this.#deps.scope, request.filter, request.endpoint);
    return this.#oneAtATime(id, async () => {
      const existing = this.#records.get(id);
      const record = existing === undefined ? await this.#add(id, request) : await this.#renew(existing, request);
      if (this.#deps.sendsInitialStates) this.#deps.deliverer.sendStates(id);
      return record;
    });
  }

  /** Sends the current states again, also to one that was disabled. Throws UnknownSubscription. */
  ping(id: string): Promise<void> {
    return this.#oneAtATime(id, async () => {
      const record = this.get(id);
      if (record.disabledAt !== undefined) await this.#renew(record, { dataVersion: record.dataVersion });
      this.#deps.deliverer.sendStates(id);
    });
  }

  /** Its endpoint is gone: nothing is sent until somebody subscribes or pings it again. */
  disable(id: string): Promise<void> {
    return this.#oneAtATime(id, async () => {
      const record = this.#records.get(id);
      if (record === undefined || record.disabledAt !== undefined) return;
      const disabled = { ...record, disabledAt: new Date(this.#deps.now()).toISOString() };
      this.#records.set(id, disabled);
      await this.#deps.deliverer.disable(disabled);
      // When the broker does not take it, the endpoint says so again after a restart.
      await this.#deps.store.put(disabled).catch(() => {});
    });
  }

  /** Throws UnknownSubscription. When it resolves, nothing is sent to the endpoint for it any more. */
  delete(id: string): Promise<void> {
    return this.#oneAtATime(id, async () => {
      this.get(id);
      await available(this.#deps.store.delete(id));
      this.#records.delete(id);
      await this.#deps.deliverer.remove(id);
    });
  }

  /**
   * Those made from an address, and those whose endpoint's host is it or resolves to it. The reference consumer
   * deletes "all" subscriptions on its own initiative: it must not empty a shared gateway.
   */
  async ownedBy(address: string): Promise<SubscriptionRecord[]> {
    const hosts = new Map<string, Promise<boolean>>();
    const isOwn = async ({ owner, endpointUri }: SubscriptionRecord): Promise<boolean> => {
      if (owner === address) return true;
      const { hostname } = new URL(endpointUri);
      const resolves = hosts.get(hostname) ?? resolvesTo(hostname, address);
      hosts.set(hostname, resolves);
      return resolves;
    };
    const records = [...this.#records.values()];
    const own = await Promise.all(records.map(isOwn));
    return records.filter((_, i) => own[i]);
  }

  async #add(id: string, request: SubscribeRequest): Promise<SubscriptionRecord> {
    const { store, deliverer, tail, now } = this.#deps;
    const record = await available(
      store.create({
        id,
        resource: request.resource,
        filter: request.filter,
        endpointUri: request.endpointUri,
        ...(request.dataVersion && { dataVersion: request.dataVersion }),
        owner: request.owner,
        createdAt: new Date(now()).toISOString(),
        start: tail.position,
        stream: tail.stream,
        incarnation: randomUUID(),
      }),
    );
    this.#records.set(id, record);
    deliverer.add(record, [tail.position, {}]);
    return record;
  }

  async #renew(
    existing: SubscriptionRecord,
    { dataVersion }: Pick<SubscribeRequest, 'dataVersion'>,
  ): Promise<SubscriptionRecord> {
    if (existing.dataVersion === dataVersion && existing.disabledAt === undefined) return existing;
    const { dataVersion: _, disabledAt, ...rest } = existing;
    const record = { ...rest, ...(dataVersion && { dataVersion }) };
    await available(this.#deps.store.put(record));
    this.#records.set(record.id, record);
    if (disabledAt === undefined) this.#deps.deliverer.update(record);
    else await this.#deps.deliverer.enable(record);
    return record;
  }

  async #oneAtATime<T>(id: string, change: () => Promise<T>): Promise<T> {
    const before = this.#changes.get(id);
    const mine = (async () => {
      await before?.catch(() => {});
      return change();
    })();
    this.#changes.set(id, mine);
    try {
      return await mine;
    } finally {
      if (this.#changes.get(id) === mine) this.#changes.delete(id);
    }
  }
}

async function available<T>(write: Promise<T>): Promise<T> {
  try {
    return await write;
  } catch (err) {
    throw new Unavailable('the broker did not take the change', { cause: err });
  }
}

async function resolvesTo(hostname: string, address: string): Promise<boolean> {
  const literal = literalAddress(hostname);
  if (literal !== undefined) return literal === address;
  try {
    const addresses = await lookup(hostname, { all: true });
    return addresses.some((found) => found.address === address);
  } catch {
    return false;
  }
}
