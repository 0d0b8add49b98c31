import { Gauge, type Registry } from 'prom-client';
import type { DeliveryOutcome } from '../shared/messages.js';
import type { AttemptResult } from './push/result.js';

/** Addresses that get series of their own; a gateway of many nodes counts the rest together. */
const MAX_ADDRESSES = 1_000;
const OTHERS = 'other';

type Result = 'success' | 'failed';

/** What is known of a subscription that is served. */
interface Sender {
  record: { endpointUri: string; disabledAt?: string };
  isAttached: boolean;
}

/** Scheme, host and port; there are thousands, and parsing each as a URL would hold up the deliveries. */
const ORIGIN = /^https?:\/\/(?:[^/?#@]*@)?[^/?#]*/i;

/** The subscriptions by where they are sent to; those beyond the limit of addresses together. */
function sendersOf(all: Iterable<Sender>): Iterable<{ address: string; active: number; failed: number }> {
  const senders = new Map<string, { address: string; active: number; failed: number }>();
  for (const { record, isAttached } of all) {
    const origin = originOf(record.endpointUri);
    const address = senders.has(origin) || senders.size < MAX_ADDRESSES ? origin : OTHERS;
    const sender = senders.get(address) ?? { address, active: 0, failed: 0 };
    senders.set(address, sender);
    if (isAttached && record.disabledAt === undefined) sender.active += 1;
    else sender.failed += 1;
  }
  return senders.values();
}

/** Without user and password. */
const originOf = (endpoint: string): string =>
  (ORIGIN.exec(endpoint)?.[0] ?? OTHERS).replace(/\/\/.*@/, '//').toLowerCase();

/** What went well and what did not, by address: plain numbers, since each delivery counts. */
class Tally {
  readonly counts = new Map<string, { success: number; failed: number }>();

  count(address: string, isSuccess: boolean): void {
    let counts = this.counts.get(address);
    if (counts === undefined) {
      const name = this.counts.size < MAX_ADDRESSES ? address : OTHERS;
      counts = this.counts.get(name) ?? { success: 0, failed: 0 };
      this.counts.set(name, counts);
    }
    if (isSuccess) counts.success += 1;
    else counts.failed += 1;
  }
}

/**
 * The names that today's dashboards and alerts for v1 sidecars use, as far as a gateway has something to say under
 * them. Like there, all are gauges, also those that only count.
 */
export class CneMetrics {
  readonly #registry: Registry;
  readonly #addresses = new Set<string>();
  readonly #subscriptions: Gauge<'status'>;
  readonly #statusPing: Gauge<'status'>;
  readonly #apiPublished: Gauge<'address' | 'status'>;
  readonly #acks = new Tally();
  readonly #posts = new Tally();
  readonly #eventsRead = new Tally();
  readonly #statusChecks: Gauge<'type' | 'status'>;
  readonly #publishers: Gauge<'status'>;
  #countSubscriptions: () => number = () => 0;
  #countPublishers: () => Promise<number | undefined> = async () => undefined;
  #senders: () => Iterable<Sender> = () => [];

  constructor(registry: Registry) {
    this.#registry = registry;
    const count = (): number => this.#countSubscriptions();
    this.#subscriptions = new Gauge({
      name: 'cne_api_subscriptions',
      help: 'Subscriptions there are (active), and requests to make or delete one that failed.',
      labelNames: ['status'],
      registers: [registry],
      collect() {
        this.set({ status: 'active' }, count());
      },
    });
    const countPublishers = (): Promise<number | undefined> => this.#countPublishers();
    this.#publishers = new Gauge({
      name: 'cne_api_publishers',
      help: 'Publishers there are (active), and requests to make or delete one that failed.',
      labelNames: ['status'],
      registers: [registry],
      async collect() {
        const publishers = await countPublishers();
        if (publishers !== undefined) this.set({ status: 'active' }, publishers);
      },
    });
    this.#statusPing = this.#gauge('cne_api_status_ping', 'Status pings over REST.', ['status']);
    this.#apiPublished = this.#gauge('cne_api_events_published', 'Events published over REST.', ['address', 'status']);
    const acks = this.#acks;
    this.#tallied('cne_events_ack', 'Deliveries that came to an end: acknowledged, or given up.', 'type', acks);
    this.#tallied('cne_events_received', 'Posts of events to consumers, each attempt.', 'type', this.#posts);
    this.#statusChecks = this.#gauge('cne_status_check_received', 'Questions for the current state.', [
      'type',
      'status',
    ]);
    this.#tallied('cne_transport_events_received', 'Events read from the bus.', 'address', this.#eventsRead);
    // What became of a delivery is counted once, while it is made.
    const sent = 'Events sent to subscribers, one for each of them: taken, or given up.';
    this.#tallied('cne_transport_events_published', sent, 'address', acks);
    const senders = (): Iterable<Sender> => this.#senders();
    this.#gauge(
      'cne_transport_sender',
      'Subscriptions by where they are sent to: those that keep up (active), and those that are behind or disabled.',
      ['address', 'status'],
      function collect() {
        this.reset();
        for (const { address, active, failed } of sendersOf(senders())) {
          this.set({ address, status: 'active' }, active);
          this.set({ address, status: 'failed' }, failed);
        }
      },
    );
  }

  /** @param count undefined while it is not known */
  publishers(count: () => Promise<number | undefined>): void {
    this.#countPublishers = count;
  }

  /** @param senders all subscriptions that are served */
  senders(senders: () => Iterable<Sender>): void {
    this.#senders = senders;
  }

  publisherFailed(status: 'failed to create' | 'failed to delete'): void {
    this.#publishers.inc({ status });
  }

  subscriptions(count: () => number): void {
    this.#countSubscriptions = count;
  }

  subscriptionFailed(status: 'failed to create' | 'failed to delete'): void {
    this.#subscriptions.inc({ status });
  }

  statusPing(result: Result): void {
    this.#statusPing.inc({ status: result === 'success' ? 'success' : 'fail' });
  }

  /** @param address absent: the request named no publisher that is known */
  published(address: string | undefined, result: Result): void {
    this.#apiPublished.inc({ address: this.#known(address), status: result === 'success' ? 'success' : 'fail' });
  }

  attempted(address: string, { kind }: AttemptResult): void {
    if (kind === 'cancelled') return;
    this.#posts.count(address, kind === 'accepted');
  }

  settled(address: string, outcome: DeliveryOutcome): void {
    this.#acks.count(address, outcome === 'delivered' || outcome === 'retried');
  }

  /** @param address absent: the request named no resource */
  statusChecked(address: string | undefined, result: Result): void {
    this.#statusChecks.inc({ type: this.#known(address), status: result });
  }

  /** @param address absent: the message was no event */
  read(address: string | undefined): void {
    this.#eventsRead.count(address ?? OTHERS, address !== undefined);
  }

  #known(address: string | undefined): string {
    if (address === undefined) return OTHERS;
    if (this.#addresses.has(address)) return address;
    if (this.#addresses.size >= MAX_ADDRESSES) return OTHERS;
    this.#addresses.add(address);
    return address;
  }

  /** Told to prom-client at the scrape. */
  #tallied(name: string, help: string, label: 'type' | 'address', tally: Tally): void {
    this.#gauge(name, help, [label, 'status'], function collect() {
      for (const [address, { success, failed }] of tally.counts) {
        if (success > 0) this.set({ [label]: address, status: 'success' }, success);
        if (failed > 0) this.set({ [label]: address, status: 'failed' }, failed);
      }
    });
  }

  #gauge<Label extends string>(
    name: string,
    help: string,
    labelNames: Label[],
    collect?: (this: Gauge<Label>) => void | Promise<void>,
  ): Gauge<Label> {
    return new Gauge({ name, help, labelNames, registers: [this.#registry], ...(collect && { collect }) });
  }
}
