import { randomUUID } from 'node:crypto';
import type { JetStreamManager } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Clock } from '../../shared/clock.js';
import { bus } from '../../shared/contract/bus.js';
import { Doublings } from '../../shared/doublings.js';
import type { Logger } from '../../shared/log.js';
import type { GatewayReport } from '../../shared/messages.js';
import { eventSubject } from '../../shared/subjects.js';
import { outcomeOf } from '../measuring/journeys.js';
import type { Measuring } from '../measuring/open.js';
import type { GatewayMetrics } from '../metrics.js';
import type { States } from '../states.js';
import type { SubscriptionRecord } from '../subscriptions/record.js';
import type { Unreadable } from '../unreadable.js';
import { targetsOf, type ResourceFilter } from '../subscriptions/resource.js';
import { CurrentEvents } from './currentEvents.js';
import { fitted, isInside, resumeAt, servedUpTo, type Cursor } from './cursor.js';
import { CursorKeeper, type CursorTaken } from './cursorKeeper.js';
import type { DeadLetters } from './deadLetters.js';
import { Deliverer } from './deliverer.js';
import type { Item } from './lane.js';
import { EventLog } from './log.js';
import { Newest } from './newest.js';
import { learnNewest } from './newestOfLog.js';
import type { Outcome } from './outcome.js';
import type { Poster } from './post.js';
import { HELD_LIMIT, type AttemptInfo } from './served.js';
import { Tail } from './tail.js';
import { TailScope } from './tailScope.js';
import type { Ending, Halt } from './work.js';

/** Time that running attempts have when the gateway stops. */
const GRACE_MS = 2_000;

export interface EngineParts {
  broker: NatsConnection;
  jsm: JetStreamManager;
  cursors: KV;
  scope: string;
  /** NODE_NAME, where the gateway knows. */
  ownNode: string | undefined;
  /** See Serving. */
  maxAgeMs: number;
  states: States;
  deadLetters: DeadLetters;
  poster: Poster;
  metrics: GatewayMetrics;
  measuring: Pick<Measuring, 'journeys' | 'reading'>;
  unreadable: Unreadable;
  clock: Clock;
  log: Logger;
  /** An endpoint answered 410. */
  onGone: (id: string) => void;
  onTaken: (err: CursorTaken) => void;
}

/** How it does, for the gateway's report. */
export type EngineState = Omit<GatewayReport, 'scope' | 'gateway' | 'subscriptions' | 'nodes'>;

/** Where the log and the cursor are when the gateway starts. */
export interface Place {
  stream: { created: string; firstSeq: number; lastSeq: number };
  cursor: Cursor | undefined;
}

/** Where the tail goes on: where it was, a first one with the next event. */
const positionIn = ({ stream, cursor }: Place): number =>
  cursor?.stream === stream.created ? Math.max(cursor.tail, stream.firstSeq - 1) : stream.lastSeq;

/** The delivery engine: the tail reads the log, the deliverer serves the subscriptions, the keeper saves how far. */
export class Engine {
  readonly deliverer: Deliverer;
  readonly tail: Tail;
  readonly #parts: EngineParts;
  readonly #events: EventLog;
  readonly #newest: Newest;
  readonly #keeper: CursorKeeper;
  readonly #tailScope: TailScope;
  readonly #tooOld: Doublings;
  /** Where the log ended at least, as far as somebody had to ask. */
  #logEnd = 0;

  constructor(parts: EngineParts) {
    const { broker, jsm, clock, log, states, deadLetters, metrics, measuring } = parts;
    this.#parts = parts;
    this.#tooOld = new Doublings(clock);
    const gaps = new Doublings(clock);
    this.#newest = new Newest();
    this.#events = new EventLog(
      jsm,
      clock,
      ({ seq, subject }, reason) => parts.unreadable.note('event', { seq, subject, reason }),
      {
        newest: this.#newest,
        onPast: ({ seq, subject, event: { id, sequence } }) =>
          parts.unreadable.note('past event', { seq, subject, id, sequence }),
      },
    );
    const currentEvents = new CurrentEvents(async (node, path, signal) => {
      const answer = await states.current(node, path);
      // A state that overtook the event it is current to would be followed by older ones after a restart in between.
      if (answer.kind === 'current') await this.#events.handedOn(eventSubject(node, path), signal);
      return answer;
    });
    this.deliverer = new Deliverer({
      clock,
      log,
      random: Math.random,
      maxAgeMs: parts.maxAgeMs,
      heldLimit: HELD_LIMIT,
      events: this.#events,
      attempt: (record, item, info, halt) => this.#attempt(record, item, info, halt),
      askState: (node, path, onAsk, signal) => currentEvents.of(node, path, onAsk, signal),
      targetsOf: ({ filter }) => targetsOf(filter, () => states.nodes()),
      bury: (record, item, reason) => deadLetters.bury(record, item, reason, clock.now()),
      onEnd: (record, item, end) => this.#ended(record, item, end),
      onMatched: (event, matches) => measuring.journeys.read(event, matches),
      onOwed: () => this.#keeper.changed(),
      onGap(record) {
        gaps.tell((times) =>
          log.error(
            { subscription: record.id, times },
            'the log has lost events that were due; sending the current states',
          ),
        );
      },
      onGone(record) {
        log.warn({ subscription: record.id }, 'the endpoint answered 410: disabled until subscribed or pinged again');
        parts.onGone(record.id);
      },
    });
    this.#tailScope = new TailScope(parts.ownNode);
    this.tail = new Tail(
      { broker, jsm, clock, log, filter: () => this.#tailScope.filter, ...measuring.reading },
      {
        onMessage: (message) => metrics.cne.read(this.deliverer.take(message)?.event.source),
        onLogInfo: (firstSeq) => {
          this.#events.beginsAt(firstSeq);
          this.#narrow();
        },
        onNewStream: () => {
          this.#logEnd = 0;
          this.#newest.forget();
          this.deliverer.startOver();
        },
        onLost: (firstSeq) => this.deliverer.lost(firstSeq),
        onNothingUpTo: (seq) => this.#events.passOver(seq),
      },
    );
    this.#keeper = new CursorKeeper({
      bucket: parts.cursors,
      key: `${parts.scope}.0`,
      epoch: randomUUID(),
      clock,
      log,
      positions: () => {
        const { stream, position } = this.tail;
        const { coarse, ...positions } = fitted(position, this.deliverer.cursors(position));
        metrics.coarseCursors.inc(coarse);
        const { repeated } = this.#newest;
        const past = this.#events.past(servedUpTo(positions), positions.tail);
        return { stream, ...positions, ...(repeated && { repeated }), ...(past && { past }) };
      },
      onSaved: () => metrics.cursorSaves.inc(),
      onTaken: parts.onTaken,
      onUnreadable: (reason) => parts.unreadable.note('cursor', { reason }),
    });
  }

  /**
   * Asks the broker where the log ends and where the last owner left off. Rejects while it is away.
   * @param records that will be served
   */
  async findPlace(records: readonly SubscriptionRecord[]): Promise<Place> {
    const { jsm, unreadable } = this.#parts;
    const { created, state } = await jsm.streams.info(bus.streams.events);
    const stream = { created, firstSeq: state.first_seq, lastSeq: state.last_seq };
    let cursor = await this.#keeper.load();
    if (cursor !== undefined && !isInside(cursor, stream)) {
      unreadable.note('cursor', { reason: 'a position in it is beyond the end of the log' });
      cursor = undefined;
    }
    const position = positionIn({ stream, cursor });
    this.#newest.forget();
    this.#newest.recall(cursor?.repeated ?? {});
    this.#events.recallPast((cursor?.stream === created && cursor.past) || []);
    const isOwnNodeEnough = records.every(({ filter }) => this.#tailScope.covers(filter));
    await this.#learnNewest(position, isOwnNodeEnough ? this.#tailScope.filter : undefined);
    return { stream, cursor };
  }

  /** Never rejects: without it, an event of the past that is stored again may be delivered. */
  async #learnNewest(position: number, filter: string | undefined): Promise<void> {
    const { jsm, log } = this.#parts;
    await learnNewest(this.#newest, jsm, position, filter).catch((err: unknown) => {
      log.warn({ err }, 'newest events not known, one of the past that is stored again may be delivered');
    });
  }

  /**
   * Serves the subscriptions from where they left off. The tail goes on where it was, a first one begins with the next
   * event; behind what retention has taken it begins there, so that the subscriptions are behind it and notice.
   */
  start(records: readonly SubscriptionRecord[], place: Place): void {
    const { stream, cursor } = place;
    const position = positionIn(place);
    this.#events.restart(position);
    this.#events.beginsAt(stream.firstSeq);
    if (!records.every(({ filter }) => this.#tailScope.covers(filter))) this.#tailScope.widen();
    for (const record of records) {
      // A start is inside the log, too: another would have the subscription wait for years. The cursor knows better then.
      const start = record.start <= stream.lastSeq ? record.start : cursor === undefined ? stream.lastSeq : 0;
      this.deliverer.add(record, resumeAt(cursor, { ...record, start }, stream.created));
    }
    this.tail.start(stream.created, position);
  }

  /**
   * Where a new subscription starts: after everything that is in the log now. The tail may be reading a part of it, then
   * the broker is asked; rejects while that is away.
   */
  async startOf(filter: ResourceFilter): Promise<number> {
    if (!this.#tailScope.covers(filter)) {
      const { created, state } = await this.#parts.jsm.streams.info(bus.streams.events);
      if (created === this.tail.stream) this.#logEnd = Math.max(this.#logEnd, state.last_seq);
    }
    return Math.max(this.tail.position, this.#logEnd);
  }

  /**
   * Serves a subscription from a position on, and has the tail read everything when it is about other nodes.
   * @param start somebody else may have stored it: beyond the log it is the end of the log
   */
  add(record: SubscriptionRecord, start: number): void {
    if (!this.#tailScope.covers(record.filter)) {
      this.#tailScope.widen();
      // What is in memory lacks the other nodes' events.
      this.#events.restart(this.tail.position);
      this.tail.refilter();
      void this.#learnNewest(this.tail.position, undefined);
    }
    this.deliverer.add(record, [Math.min(start, Math.max(this.tail.lastKnown, this.#logEnd)), {}]);
  }

  /** Now and then, so that a subscription that is deleted and made again does not have the log read anew each time. */
  #narrow(): void {
    this.#tailScope.narrow(Array.from(this.deliverer.all(), ({ record }) => record.filter));
    this.tail.refilter();
  }

  /** Makes the cursor ours, and saves it from now on. Throws CursorTaken, and what the broker says while it is away. */
  claim(): Promise<void> {
    return this.#keeper.start();
  }

  state(): EngineState {
    return {
      isReading: this.tail.isReading,
      tailSequence: this.tail.position,
      lastSequence: this.tail.lastKnown,
      ...this.deliverer.backlog(),
      cursorAgeSeconds: this.#keeper.ageMs / 1_000,
    };
  }

  stopReading(): Promise<void> {
    return this.tail.stop();
  }

  /** No new attempts, no more questions to nodes; running attempts may end. */
  async stopDelivering(): Promise<void> {
    await this.deliverer.stop(GRACE_MS);
    this.#parts.poster.close();
  }

  saveLast(): Promise<void> {
    return this.#keeper.stop();
  }

  async #attempt(record: SubscriptionRecord, item: Item, info: AttemptInfo, halt: Halt): Promise<Outcome> {
    const { metrics, poster, measuring } = this.#parts;
    const endTimer = metrics.attempts.startTimer();
    const watch = measuring.journeys.attempt(record, item, info.n);
    const outcome = await poster.post(record, item, info, halt, watch);
    endTimer({ outcome: outcome.kind });
    metrics.cne.attempted(item.event.source, outcome);
    return outcome;
  }

  #ended(record: SubscriptionRecord, item: Item, end: Ending): void {
    const { metrics, clock, log, measuring } = this.#parts;
    const { event, logged } = item;
    measuring.journeys.ended(record, item, end);
    metrics.cne.ended(event.source, end);
    metrics.deliveries.inc({ outcome: outcomeOf(end) });
    if (end.kind === 'delivered' && logged !== undefined) {
      metrics.deliverySeconds.observe(Math.max(0, clock.now() - logged.storedAtMs) / 1_000);
    }
    if (end.kind === 'delivered' && typeof end.missed === 'number') metrics.missed.inc(end.missed);
    if (end.kind === 'too_old') {
      this.#tooOld.tell(
        (times) => log.warn({ subscription: record.id, event: event.id, times }, 'too old, given up for a newer one'),
        record.id,
      );
    }
    this.#keeper.changed();
  }
}
