import type { Clock } from '../../shared/clock.js';
import type { EndpointAgent } from '../endpoints/agent.js';
import { signature } from '../endpoints/sign.js';
import type { DataVersion, SubscriptionRecord } from '../subscriptions/record.js';
import { Bodies } from './body.js';
import { Endpoints, type Endpoint } from './endpoint.js';
import type { Item } from './lane.js';
import type { AttemptInfo } from './served.js';
import type { Outcome } from './outcome.js';
import { Request, type AttemptWatch } from './request.js';
import { OriginSlots } from './originSlots.js';
import { TimeLimit } from './timeLimit.js';
import type { Halt } from './work.js';

/** Of one attempt, from the moment it has a connection's turn. */
const TOTAL_MS = 10_000;

/** Posts events to endpoints, so many at a time to each origin. */
export class Poster {
  readonly #agent: EndpointAgent;
  readonly #defaultNames: DataVersion;
  readonly #clock: Clock;
  readonly #origins = new Map<string, { slots: OriginSlots; users: number }>();
  /** Subscriptions whose last attempt failed slowly. */
  readonly #slow = new WeakSet<SubscriptionRecord>();
  readonly #endpoints = new Endpoints();
  readonly #bodies = new Bodies();
  readonly #limit: TimeLimit;

  constructor(agent: EndpointAgent, defaultNames: DataVersion, clock: Clock) {
    this.#limit = new TimeLimit(TOTAL_MS, clock);
    this.#clock = clock;
    this.#agent = agent;
    this.#defaultNames = defaultNames;
  }

  /**
   * One attempt. 2xx settles the item, 410 says that the consumer is gone, some answers that it will never take it;
   * anything else, a time-out and a broken connection ask for another attempt. Never rejects.
   */
  async post(
    record: SubscriptionRecord,
    item: Item,
    info: AttemptInfo,
    halt: Halt,
    watch: AttemptWatch,
  ): Promise<Outcome> {
    const endpoint = this.#endpoints.of(record.endpointUri);
    const origin = this.#use(endpoint.origin);
    const giveBack = await origin.slots.take(record, halt.signal);
    let outcome: Outcome = { kind: 'stopped' };
    try {
      if (giveBack !== undefined) outcome = await this.#send(endpoint, record, item, info, halt, watch);
      return outcome;
    } finally {
      const { kind } = outcome;
      giveBack?.(kind === 'failed' || kind === 'stopped' ? kind : 'answered');
      this.#leave(endpoint.origin, origin);
    }
  }

  /** After the last attempt. */
  close(): void {
    this.#limit.close();
  }

  #send(
    { origin, path }: Endpoint,
    record: SubscriptionRecord,
    { event, logged }: Item,
    { n, missed }: AttemptInfo,
    { running }: Halt,
    watch: AttemptWatch,
  ): Promise<Outcome> {
    const body = this.#bodies.of(event, record.dataVersion ?? this.#defaultNames);
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      'ptp-subscription-id': record.id,
      'ptp-sequence': event.sequence,
      'ptp-attempt': String(n),
      traceparent: watch.began(),
    };
    if (logged === undefined) headers['ptp-initial'] = 'true';
    if (missed !== 0) headers['ptp-missed-events'] = String(missed);
    if (record.secret !== undefined)
      Object.assign(headers, signature(record.secret, { id: event.id, body }, this.#clock.now()));
    return new Promise((resolve) => {
      const request = new Request(this.#clock, watch, (outcome) => {
        running.delete(request);
        this.#limit.end(request);
        resolve(outcome);
      });
      running.add(request);
      this.#limit.start(request);
      request.send(this.#agent, { origin, path, method: 'POST', headers, body });
    });
  }

  #use(name: string): { slots: OriginSlots; users: number } {
    const origin = this.#origins.get(name) ?? { slots: new OriginSlots(this.#clock, this.#slow), users: 0 };
    origin.users += 1;
    this.#origins.set(name, origin);
    return origin;
  }

  #leave(name: string, origin: { users: number }): void {
    origin.users -= 1;
    if (origin.users === 0) this.#origins.delete(name);
  }
}
