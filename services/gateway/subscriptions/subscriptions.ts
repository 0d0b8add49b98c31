import { randomUUID } from 'node:crypto';
import { JetStreamApiError } from '@nats-io/jetstream';
import { excerpt } from '../../shared/excerpt.js';
import type { Logger } from '../../shared/log.js';
import type { Caller } from '../access/caller.js';
import type { Subscribers } from '../delivery/subscribers.js';
import type { Engine } from '../delivery/engine.js';
import type { Tail } from '../delivery/tail.js';
import { differences } from './differences.js';
import { Quota, type QuotaLimits } from './quota.js';
import { subscriptionId, type DataVersion, type SubscriptionRecord } from './record.js';
import { HOW_TO_SET, isSealed, SecretNotReadable } from './secretKeys.js';
import type { ResourceFilter } from './resource.js';
import type { StoredSubscriptions, SubscriptionStore } from './store.js';

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
  /** Key that pushes are signed with (`whsec_…`). */
  secret: string | undefined;
  caller: Caller;
}

/** Differences that wait for the broker at a time: so few that it answers each long before its time-out. */
const COMPARED_AT_ONCE = 64;

interface Deps {
  log: Logger;
  scope: string;
  /** Random, of the scope: ids are made with it. */
  idKey: Buffer;
  store: SubscriptionStore;
  engine: Pick<Engine, 'add' | 'startOf'> & { subscribers: Subscribers; tail: Pick<Tail, 'stream' | 'position'> };
  now: () => number;
  limits: QuotaLimits;
  /** A new subscription is sent the current states first (`INITIAL_NOTIFICATION`). */
  sendsInitialStates: boolean;
}

/** The subscriptions of a scope: what is stored in the bucket, and served by the subscribers. */
export class Subscriptions {
  readonly #deps: Deps;
  readonly #records = new Map<string, SubscriptionRecord>();
  /** One change of an id at a time. */
  readonly #changes = new Map<string, Promise<unknown>>();

  /** Ids that we have changed since the last comparison. */
  #changed = new Set<string>();
  /** When the bucket that holds them was made. */
  #bucket: string;

  readonly #quota: Quota;
  /** The id that a subscription would have now → the one it has, for those that were made with another key or before there was one. */
  readonly #otherIds = new Map<string, string>();

  /** @param loaded what the bucket held; the caller has the gateway's engine serve them */
  constructor(deps: Deps, { records, bucket }: Pick<StoredSubscriptions, 'records' | 'bucket'>) {
    this.#deps = deps;
    this.#bucket = bucket;
    this.#quota = new Quota(
      deps.limits,
      records.map(({ owner }) => owner),
    );
    for (const record of records) this.#remember(record);
  }

  get size(): number {
    return this.#records.size;
  }

  all(): SubscriptionRecord[] {
    return [...this.#records.values()];
  }

  /** Throws UnknownSubscription. */
  get(id: string): SubscriptionRecord {
    const record = this.#records.get(id);
    if (record === undefined) throw new UnknownSubscription(`there is no subscription "${excerpt(id)}"`);
    return record;
  }

  /** Throws NoSecretKey when its secret cannot be kept, TooMany when it would be one subscription too many. */
  check(request: SubscribeRequest): void {
    if (request.secret !== undefined) this.#deps.store.checkSecrets();
    if (!this.#records.has(this.#idOf(request))) this.#quota.check(request.caller.owner);
  }

  /** The subscription for this endpoint and resource: the existing one, or a new one, stored and served. Throws TooMany, SecretNotReadable. */
  create(request: SubscribeRequest): Promise<SubscriptionRecord> {
    const id = this.#idOf(request);
    return this.#oneAtATime(id, async () => {
      const existing = this.#records.get(id);
      const record = existing === undefined ? await this.#add(id, request) : await this.#renew(existing, request);
      if (this.#deps.sendsInitialStates) {
        this.#deps.engine.subscribers.sendStates(id, existing === undefined ? 'first' : 'after');
      }
      return record;
    });
  }

  /** Sends the current states again, also to one that was disabled. Throws UnknownSubscription, SecretNotReadable. */
  ping(id: string): Promise<void> {
    return this.#oneAtATime(id, async () => {
      const record = this.get(id);
      if (record.disabledAt !== undefined)
        await this.#renew(record, { dataVersion: record.dataVersion, secret: record.secret });
      this.#deps.engine.subscribers.sendStates(id, 'after');
    });
  }

  /** Its endpoint is gone: nothing is sent until somebody subscribes or pings it again. */
  disable(id: string): Promise<void> {
    return this.#oneAtATime(id, async () => {
      const record = this.#records.get(id);
      if (record === undefined || record.disabledAt !== undefined) return;
      const disabled = { ...record, disabledAt: new Date(this.#deps.now()).toISOString() };
      this.#records.set(id, disabled);
      await this.#deps.engine.subscribers.disable(disabled);
      // When the broker does not take it, the endpoint says so again after a restart.
      await this.#deps.store.put(disabled).catch(() => {});
    });
  }

  /** Throws UnknownSubscription. When it resolves, nothing is sent to the endpoint for it any more. */
  delete(id: string): Promise<void> {
    return this.#oneAtATime(id, async () => {
      this.get(id);
      await available(this.#deps.store.delete(id));
      await this.#forget(id);
    });
  }

  /**
   * Compares with what is stored, and follows: somebody else may have written. What we have changed ourselves since the
   * last comparison is left to the next one: a list that is being read may show what was before. When the bucket was
   * lost and made anew, or something else was written in the place of a subscription, what we know is written back
   * instead. Rejects while the broker is away.
   */
  async reconcile(): Promise<void> {
    const { store, log } = this.#deps;
    const { records, unreadable, bucket } = await store.load();
    const isLost = bucket !== this.#bucket;
    const isSpoilt = new Set(unreadable);
    const ours = this.#changed;
    this.#changed = new Set(this.#changes.keys());
    const found = differences(this.#records, records, (id) => !isLost && ours.has(id));
    await Promise.all([
      this.#each(found.added, (record) => this.#adopt(record)),
      this.#each(found.changed, (record) => this.#follow(record)),
      this.#each(found.replaced, async (record) => {
        await this.#forget(record.id);
        this.#adopt(record);
      }),
      this.#each(found.removed, async (record) => {
        if (isLost || isSpoilt.has(record.id)) await this.#writeBack(record);
        else await this.#forget(record.id);
      }),
    ]);
    this.#bucket = bucket;
    const counts = Object.entries(found).map(([what, some]) => [what, some.length] as const);
    if (isLost) log.error({ writtenBack: found.removed.length }, 'the stored subscriptions were lost');
    else if (counts.some(([, count]) => count > 0)) {
      log.warn(Object.fromEntries(counts), 'subscriptions were stored or deleted by somebody else');
    }
  }

  /** Rejects while the broker is away; when it refuses this one, it is served all the same. */
  async #writeBack(record: SubscriptionRecord): Promise<void> {
    await this.#deps.store.create(record).catch((err: unknown) => {
      if (!(err instanceof JetStreamApiError)) throw err;
      this.#deps.log.error({ err, subscription: record.id }, 'not written back: the broker refuses it');
    });
  }

  /** Each in its turn; one that we change before its turn has come is left to the next comparison. */
  async #each(some: SubscriptionRecord[], change: (record: SubscriptionRecord) => Promise<void> | void): Promise<void> {
    const known = new Map(some.map(({ id }) => [id, this.#records.get(id)]));
    const left = some.values();
    const changeNext = async (): Promise<void> => {
      for (const record of left) {
        await this.#oneAtATime(record.id, async () => {
          if (this.#records.get(record.id) === known.get(record.id)) await change(record);
        });
      }
    };
    await Promise.all(Array.from({ length: COMPARED_AT_ONCE }, changeNext));
  }

  /** Serves one that somebody else stored. */
  #adopt(record: SubscriptionRecord): void {
    const { engine, sendsInitialStates } = this.#deps;
    this.#quota.add(record.owner);
    this.#remember(record);
    engine.add(record, record.stream === engine.tail.stream ? record.start : 0);
    if (sendsInitialStates) engine.subscribers.sendStates(record.id, 'first');
  }

  async #follow(record: SubscriptionRecord): Promise<void> {
    const before = this.get(record.id);
    this.#quota.giveBack(before.owner);
    this.#quota.add(record.owner);
    this.#records.set(record.id, record);
    const { subscribers } = this.#deps.engine;
    if (before.disabledAt === undefined && record.disabledAt !== undefined) await subscribers.disable(record);
    else if (before.disabledAt !== undefined && record.disabledAt === undefined) await subscribers.enable(record);
    else subscribers.update(record);
  }

  async #forget(id: string): Promise<void> {
    const record = this.get(id);
    this.#records.delete(id);
    this.#otherIds.delete(this.#idNow(record));
    this.#quota.giveBack(record.owner);
    await this.#deps.engine.subscribers.remove(id);
  }

  async #add(id: string, request: SubscribeRequest): Promise<SubscriptionRecord> {
    const { store, engine, now } = this.#deps;
    const { owner } = request.caller;
    this.#quota.take(owner);
    const create = async (): Promise<SubscriptionRecord> => {
      const start = await engine.startOf(request.filter);
      return store.create({
        id,
        resource: request.resource,
        filter: request.filter,
        endpointUri: request.endpointUri,
        ...(request.dataVersion && { dataVersion: request.dataVersion }),
        ...(request.secret && { secret: request.secret }),
        owner,
        createdAt: new Date(now()).toISOString(),
        start,
        stream: engine.tail.stream,
        incarnation: randomUUID(),
      });
    };
    const record = await available(create()).catch((err: unknown) => {
      this.#quota.giveBack(owner);
      throw err;
    });
    this.#remember(record);
    // What came until now is older than the answer. The tail may pass over other nodes' events; then the start is beyond it.
    const isOfThisLog = record.stream === engine.tail.stream;
    engine.add(record, isOfThisLog ? Math.max(record.start, engine.tail.position) : engine.tail.position);
    return record;
  }

  async #renew(
    existing: SubscriptionRecord,
    { dataVersion, secret = existing.secret }: Pick<SubscribeRequest, 'dataVersion' | 'secret'>,
  ): Promise<SubscriptionRecord> {
    const isSame = existing.dataVersion === dataVersion && existing.secret === secret;
    if (isSame && existing.disabledAt === undefined) return existing;
    if (secret !== undefined && isSealed(secret)) {
      throw new SecretNotReadable(
        `the secret of subscription ${existing.id} was sealed with a key that this gateway does not have: add that key (${HOW_TO_SET}), or subscribe with the secret again`,
      );
    }
    const { dataVersion: _, disabledAt, ...rest } = existing;
    const record = { ...rest, ...(dataVersion && { dataVersion }), ...(secret && { secret }) };
    await available(this.#deps.store.put(record));
    this.#records.set(record.id, record);
    if (disabledAt === undefined) this.#deps.engine.subscribers.update(record);
    else await this.#deps.engine.subscribers.enable(record);
    return record;
  }

  #remember(record: SubscriptionRecord): void {
    this.#records.set(record.id, record);
    const idNow = this.#idNow(record);
    if (idNow !== record.id) this.#otherIds.set(idNow, record.id);
  }

  /** The id of what is asked for: that of the subscription there is, or that of a new one. */
  #idOf({ filter, endpoint, caller: { owner } }: SubscribeRequest): string {
    const id = subscriptionId(this.#deps.idKey, this.#deps.scope, { filter, endpoint, owner });
    return this.#otherIds.get(id) ?? id;
  }

  #idNow({ filter, endpointUri, owner }: SubscriptionRecord): string {
    return subscriptionId(this.#deps.idKey, this.#deps.scope, { filter, endpoint: new URL(endpointUri), owner });
  }

  async #oneAtATime<T>(id: string, change: () => Promise<T>): Promise<T> {
    this.#changed.add(id);
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
