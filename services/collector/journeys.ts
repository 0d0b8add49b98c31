import type { Clock, FineClock } from '../shared/clock.js';
import { bus } from '../shared/contract/bus.js';
import { newTraceparent } from '../shared/event.js';
import type { StageTimes } from '../shared/messages.js';
import { isSampled, type Span, type Tracing } from '../shared/tracing.js';
import { micro, type Departure } from './latency/hops.js';
import { createSpan, sendSpan } from './spans.js';
import type { Told } from './state/clock.js';

/** What an event is, beside its times. */
export interface Traveller {
  id: string;
  subject: string;
  type: string;
  /** Path of its resource. */
  resource: string;
  /** Full resource address. */
  source: string;
  traffic: 'event' | 'canary';
  /** The word, or number, that it tells. */
  state: string;
}

/** One event's way from its line to the bus, as it is measured: ms, monotonic unless said otherwise. */
export interface Journey {
  readonly traveller: Traveller;
  /** The creation context; part of the event. */
  readonly traceparent: string;
  readonly readMs: number;
  readonly stampMs: number | undefined;
  readonly create: Span | undefined;
  madeMs: number;
  /** The first attempt to publish. */
  departure: Departure | undefined;
  send: Span | undefined;
}

/** Who waits for the receipts of what has left. */
export interface Loop {
  sent: (departure: Departure) => void;
  stored: (id: string) => void;
  dropped: (id: string) => void;
}

export interface JourneysOptions {
  nodeName: string;
  clock: Clock;
  fine: FineClock;
  /** undefined: nothing is traced. */
  tracing: Tracing | undefined;
  loop: Loop;
}

/** Measures events on their way to the bus, and traces them where somebody takes the traces. */
export class Journeys {
  readonly #options: JourneysOptions;

  constructor(options: JourneysOptions) {
    this.#options = options;
  }

  /** An event is about to be made. */
  begin(traveller: Traveller, at: Told): Journey {
    const { nodeName, fine, tracing } = this.#options;
    const create = tracing?.root(createSpan(traveller, nodeName, fine.at(at.monotonic)));
    return {
      traveller,
      traceparent: create?.traceparent ?? newTraceparent(),
      readMs: at.monotonic,
      stampMs: at.stampMs,
      create,
      madeMs: at.monotonic,
      departure: undefined,
      send: undefined,
    };
  }

  /** The event is in the outbox. What was held back before it was made has waited, and not taken long to parse. */
  made(journey: Journey, { heldMs }: Told): void {
    const { clock, fine } = this.#options;
    const nowMs = clock.monotonic();
    journey.madeMs = heldMs ?? nowMs;
    journey.create?.end(fine.at(nowMs));
  }

  /** An attempt to publish begins. Returns its headers. */
  attempt(journey: Journey): Record<string, string> {
    const { clock, fine } = this.#options;
    const nowMs = clock.monotonic();
    const sentAtMs = fine.at(nowMs);
    const { emitMs, parseMs, enqueueMs } = (journey.departure ??= this.#depart(journey, nowMs, sentAtMs));
    const stages: StageTimes = {
      readAtMs: micro(fine.at(journey.readMs)),
      sentAtMs: micro(sentAtMs),
      ...(emitMs !== undefined && { emitMs: micro(emitMs) }),
      parseMs: micro(parseMs),
      enqueueMs: micro(enqueueMs),
    };
    return {
      [bus.headers.stages]: JSON.stringify(stages),
      ...(journey.send && { [bus.headers.traceparent]: journey.send.traceparent }),
    };
  }

  /** The bus has it. */
  stored({ traveller, send }: Journey): void {
    const { clock, fine, loop } = this.#options;
    send?.end(fine.at(clock.monotonic()));
    loop.stored(traveller.id);
  }

  /** The bus will never have it. */
  dropped({ traveller, send }: Journey, why: string): void {
    const { clock, fine, loop } = this.#options;
    send?.end(fine.at(clock.monotonic()), why);
    loop.dropped(traveller.id);
  }

  /** With several attempts nobody can tell which one the bus took: the first counts, so no figure is too small. */
  #depart(journey: Journey, sentMs: number, sentAtMs: number): Departure {
    const { traveller, traceparent, readMs, stampMs, madeMs } = journey;
    const { id, resource, traffic } = traveller;
    const departure: Departure = {
      id,
      resource,
      traffic,
      traceparent: isSampled(traceparent) ? traceparent : undefined,
      readMs,
      emitMs: stampMs === undefined ? undefined : readMs - stampMs,
      parseMs: madeMs - readMs,
      enqueueMs: sentMs - madeMs,
      sentMs,
      sentAtMs,
    };
    const { tracing, nodeName, loop } = this.#options;
    journey.send = tracing?.child(traceparent, sendSpan(traveller, nodeName, sentAtMs));
    loop.sent(departure);
    return departure;
  }
}
