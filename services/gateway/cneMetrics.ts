import { Gauge, type Registry } from 'prom-client';
import type { DeliveryOutcome } from '../shared/messages.js';
import type { AttemptResult } from './push/result.js';

/** Addresses that get series of their own; a gateway of many nodes counts the rest together. */
const MAX_ADDRESSES = 1_000;
const OTHERS = 'other';

type Result = 'success' | 'failed';

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
  readonly #acks: Gauge<'type' | 'status'>;
  readonly #posts: Gauge<'type' | 'status'>;
  readonly #statusChecks: Gauge<'type' | 'status'>;
  readonly #transportReceived: Gauge<'address' | 'status'>;
  #countSubscriptions: () => number = () => 0;

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
    this.#statusPing = this.#gauge('cne_api_status_ping', 'Status pings over REST.', ['status']);
    this.#apiPublished = this.#gauge('cne_api_events_published', 'Events published over REST.', ['address', 'status']);
    this.#acks = this.#gauge('cne_events_ack', 'Deliveries that came to an end: acknowledged, or given up.', [
      'type',
      'status',
    ]);
    this.#posts = this.#gauge('cne_events_received', 'Posts of events to consumers, each attempt.', ['type', 'status']);
    this.#statusChecks = this.#gauge('cne_status_check_received', 'Questions for the current state.', [
      'type',
      'status',
    ]);
    this.#transportReceived = this.#gauge('cne_transport_events_received', 'Events read from the bus.', [
      'address',
      'status',
    ]);
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
    this.#posts.inc({ type: this.#known(address), status: kind === 'accepted' ? 'success' : 'failed' });
  }

  settled(address: string, outcome: DeliveryOutcome): void {
    this.#acks.inc({
      type: this.#known(address),
      status: outcome === 'delivered' || outcome === 'retried' ? 'success' : 'failed',
    });
  }

  /** @param address absent: the request named no resource */
  statusChecked(address: string | undefined, result: Result): void {
    this.#statusChecks.inc({ type: this.#known(address), status: result });
  }

  /** @param address absent: the message was no event */
  read(address: string | undefined): void {
    const status: Result = address === undefined ? 'failed' : 'success';
    this.#transportReceived.inc({ address: this.#known(address), status });
  }

  #known(address: string | undefined): string {
    if (address === undefined) return OTHERS;
    if (this.#addresses.has(address)) return address;
    if (this.#addresses.size >= MAX_ADDRESSES) return OTHERS;
    this.#addresses.add(address);
    return address;
  }

  #gauge<Label extends string>(name: string, help: string, labelNames: Label[]): Gauge<Label> {
    return new Gauge({ name, help, labelNames, registers: [this.#registry] });
  }
}
