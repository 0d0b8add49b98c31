import { setImmediate as turn } from 'node:timers/promises';
import { pino } from 'pino';
import type { Subscribers } from '../delivery/subscribers.js';
import type { SubscriptionRecord } from './record.js';
import type { StoredSubscriptions, SubscriptionStore } from './store.js';
import { Subscriptions, type SubscribeRequest } from './subscriptions.js';

/** A bucket whose list is given only when somebody says so, as it was when it was asked for. */
class FakeStore {
  bucket = 'first';
  records = new Map<string, SubscriptionRecord>();
  readonly #lists: (() => void)[] = [];

  load(): Promise<StoredSubscriptions> {
    const list = { records: [...this.records.values()], unreadable: [], bucket: this.bucket, closed: [], unsealed: 0 };
    return new Promise((resolve) => this.#lists.push(() => resolve(list)));
  }

  giveLists(): void {
    for (const give of this.#lists.splice(0)) give();
  }

  async create(record: SubscriptionRecord): Promise<SubscriptionRecord> {
    const stored = this.records.get(record.id) ?? record;
    this.records.set(record.id, stored);
    return stored;
  }

  async delete(id: string): Promise<void> {
    this.records.delete(id);
  }
}

const request = (node: string): SubscribeRequest => ({
  resource: `/cluster/node/${node}/sync`,
  filter: { node, path: '/sync' },
  endpointUri: 'http://c/',
  endpoint: new URL('http://c/'),
  dataVersion: undefined,
  secret: undefined,
  caller: { owner: 'o', isAuthenticated: false } as SubscribeRequest['caller'],
});

function setUp() {
  const store = new FakeStore();
  const served = new Set<string>();
  const subscribers = {
    remove: async (id: string) => void served.delete(id),
  } as unknown as Subscribers;
  const subscriptions = new Subscriptions(
    {
      log: pino({ level: 'silent' }),
      scope: 'cluster',
      idKey: Buffer.alloc(32, 1),
      store: store as unknown as SubscriptionStore,
      engine: {
        add: ({ id }) => void served.add(id),
        startOf: async () => 0,
        subscribers,
        tail: { stream: 's', position: 0 },
      },
      now: () => 0,
      limits: { total: 10, perCaller: 10 },
      sendsInitialStates: false,
    },
    { records: [], bucket: 'first' },
  );
  const compare = async (): Promise<void> => {
    const comparing = subscriptions.reconcile();
    store.giveLists();
    await comparing;
  };
  return { store, served, subscriptions, compare };
}

describe('subscriptions that are compared with what is stored', () => {
  it('undo no subscribe and no delete that came while the list was read', async () => {
    const { store, served, subscriptions, compare } = setUp();
    const old = await subscriptions.create(request('old'));
    await compare();

    const comparing = subscriptions.reconcile();
    const made = await subscriptions.create(request('new'));
    await subscriptions.delete(old.id);
    store.giveLists();
    await comparing;

    expect([...served]).toEqual([made.id]);
    await compare();
    expect(subscriptions.all()).toEqual([made]);
    expect([...served]).toEqual([made.id]);
  });

  it('leave one that is changed between the comparison and its turn to the next one', async () => {
    const { store, served, subscriptions, compare } = setUp();
    const one = await subscriptions.create(request('n1'));
    await compare();
    store.records.delete(one.id);

    const comparing = subscriptions.reconcile();
    store.giveLists();
    const deleting = subscriptions.delete(one.id);
    const again = subscriptions.create(request('n1'));
    await Promise.all([comparing, deleting, again]);
    await turn();

    expect([...served]).toEqual([one.id]);
    expect(store.records.size).toBe(1);
  });

  it('follow what somebody else deletes or stores', async () => {
    const { store, served, subscriptions, compare } = setUp();
    const one = await subscriptions.create(request('n1'));
    await compare();
    store.records.clear();
    store.records.set('other', { ...one, id: 'other' });
    await compare();
    expect([...served]).toEqual(['other']);
  });

  it('are written back when the bucket was lost, also those made since the last comparison', async () => {
    const { store, served, subscriptions, compare } = setUp();
    const one = await subscriptions.create(request('n1'));
    await compare();
    const two = await subscriptions.create(request('n2'));
    store.records.clear();
    store.bucket = 'second';
    await compare();
    await compare();
    expect([...store.records.keys()].toSorted()).toEqual([one.id, two.id].toSorted());
    expect(served.size).toBe(2);
  });
});
