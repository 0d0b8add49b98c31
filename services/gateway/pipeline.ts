import type { Clock } from '../shared/clock.js';
import type { Logger } from '../shared/log.js';
import type { Delivery } from './delivery/delivery.js';
import type { EventLog } from './delivery/log.js';
import type { StateSource, SubscriberPorts } from './delivery/ports.js';
import { Stage } from './delivery/stage.js';
import { HELD_LIMIT } from './delivery/subscriber.js';
import { Subscribers } from './delivery/subscribers.js';
import type { TailMessage } from './delivery/tail.js';
import type { EndpointAgent } from './endpoints/agent.js';
import { CircuitBreaker } from './push/circuitBreaker.js';
import { OriginLimiter } from './push/originLimiter.js';
import { Post } from './push/post.js';
import { Retry } from './push/retry.js';
import { TimeLimit } from './push/timeLimit.js';
import type { DeliveryListener } from './stages.js';
import type { DataVersion } from './subscriptions/record.js';

/** Of one attempt, from the moment it has a permit of its origin. */
const ATTEMPT_MS = 10_000;

export interface PipelineParts extends Pick<SubscriberPorts, 'deadLetter' | 'onStatesDue' | 'onGap' | 'onGone'> {
  clock: Clock;
  log: Logger;
  random: () => number;
  events: EventLog;
  states: StateSource;
  /** The HTTP client; its policy is applied to every connection. */
  agent: EndpointAgent;
  /** Names in a body, where the subscription does not say. */
  defaultNames: DataVersion;
  /** See Retry. */
  maxAgeMs: number;
  /** Told of everything that happens to events and deliveries. */
  listener: DeliveryListener;
  /** The trace context that a consumer is told; absent: the event's own. */
  traceparentOf?: ((delivery: Delivery) => string) | undefined;
}

/**
 * The way of an event through the gateway, and the only place that knows it:
 *
 *     tail → append → match → lane → retry → circuit breaker → origin limiter → time limit → POST → settle
 *
 * Everything up to `lane` happens in one turn of the event loop. Each stage from there on is told to start a delivery, and
 * told its result when the answer is there.
 */
export class Pipeline {
  readonly subscribers: Subscribers;
  readonly #events: EventLog;
  readonly #listener: DeliveryListener;
  readonly #timeLimit: TimeLimit;

  constructor(parts: PipelineParts) {
    const { clock, log, random, events, listener, agent, defaultNames, maxAgeMs, states, traceparentOf } = parts;
    this.#events = events;
    this.#listener = listener;
    this.#timeLimit = new TimeLimit(ATTEMPT_MS, clock);
    const push = Stage.chain(
      { finish: (delivery, result) => delivery.lanes.finished(delivery, result) },
      new Retry({ clock, random, maxAgeMs }),
      new CircuitBreaker(clock, random),
      new OriginLimiter(clock),
      this.#timeLimit,
      new Post({ agent, defaultNames, clock, listener, ...(traceparentOf && { traceparentOf }) }),
    );
    this.subscribers = new Subscribers({
      clock,
      log,
      random,
      events,
      push,
      heldLimit: HELD_LIMIT,
      askState: (node, path, onAsk, signal) => states.askState(node, path, onAsk, signal),
      targetsOf: (record) => states.targetsOf(record),
      deadLetter: parts.deadLetter,
      onSettled: (delivery, outcome) => listener.settled(delivery, outcome),
      onStatesDue: parts.onStatesDue,
      onGap: parts.onGap,
      onGone: parts.onGone,
    });
  }

  /** From the tail, in order. */
  readonly onMessage = (message: TailMessage): void => {
    const event = this.#events.append(message);
    if (event === undefined) return;
    let matches = 0;
    for (const subscriber of this.subscribers.matching(event)) {
      if (subscriber.accept(event)) matches += 1;
    }
    this.#listener.matched(event, matches);
  };

  /** No new attempts; those in flight have `graceMs` to end. */
  async stop(graceMs: number): Promise<void> {
    await this.subscribers.stop(graceMs);
    this.#timeLimit.close();
  }
}
