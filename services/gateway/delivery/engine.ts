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
import { DeliveryMetrics } from '../measuring/deliveryMetrics.js';
import type { EndpointAgent } from '../endpoints/agent.js';
import type { Measuring } from '../measuring/open.js';
import type { GatewayMetrics } from '../metrics.js';
import { Pipeline } from '../pipeline.js';
import { silent, tellAll } from '../stages.js';
import type { States } from '../states.js';
import type { DataVersion, SubscriptionRecord } from '../subscriptions/record.js';
import type { Unreadable } from '../unreadable.js';
import { targetsOf, type ResourceFilter } from '../subscriptions/resource.js';
import { CurrentEvents } from './currentEvents.js';
import { fitted, isInside, resumeAt, servedUpTo, type Cursor } from './cursor.js';
import { CursorKeeper, type CursorTaken } from './cursorKeeper.js';
import type { DeadLetters } from './deadLetters.js';
import { EventLog } from './log.js';
import { Newest } from './newest.js';
import { learnNewest } from './newestOfLog.js';
import type { Subscribers } from './subscribers.js';
import { Tail } from './tail.js';
import { TailScope } from './tailScope.js';

/** Time that running attempts have when the gateway stops. */
const GRACE_MS = 2_000;

export interface EngineParts {
  broker: NatsConnection;
  jsm: JetStreamManager;
  cursors: KV;
  scope: string;
  /** NODE_NAME, where the gateway knows. */
  ownNode: string | undefined;
  /** See Retry. */
  maxAgeMs: number;
  states: States;
  deadLetters: DeadLetters;
  agent: EndpointAgent;
  defaultNames: DataVersion;
  metrics: GatewayMetrics;
  measuring: Pick<Measuring, 'timing' | 'reading'>;
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

/** The delivery engine: the tail reads the log, the pipeline serves the subscriptions, the keeper saves how far. */
export class Engine {
  readonly subscribers: Subscribers;
  readonly #pipeline: Pipeline;
  readonly tail: Tail;
  readonly #parts: EngineParts;
  readonly #events: EventLog;
  readonly #newest: Newest;
  readonly #keeper: CursorKeeper;
  readonly #tailScope: TailScope;
  /** Where the log ended at least, as far as somebody had to ask. */
  #logEnd = 0;

  constructor(parts: EngineParts) {
    const { broker, jsm, clock, log, states, deadLetters, metrics, measuring } = parts;
    this.#parts = parts;
    const gaps = new Doublings(clock);
    this.#newest = new Newest();
    this.#events = new EventLog(
      jsm,
      clock,
      ({ seq, subject }, reason) => {
        parts.unreadable.note('event', { seq, subject, reason });
        metrics.cne.read(undefined);
      },
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
    this.#pipeline = new Pipeline({
      clock,
      log,
      random: Math.random,
      events: this.#events,
      states: {
        askState: (node, path, onAsk, signal) => currentEvents.of(node, path, onAsk, signal),
        targetsOf: ({ filter }) => targetsOf(filter, () => states.nodes()),
      },
      agent: parts.agent,
      defaultNames: parts.defaultNames,
      maxAgeMs: parts.maxAgeMs,
      listener: tellAll([
        measuring.timing,
        new DeliveryMetrics(metrics, clock),
        { ...silent, settled: () => this.#keeper.changed() },
      ]),
      traceparentOf: measuring.timing.traceparentOf,
      deadLetter: ({ lanes, event }, reason) => deadLetters.store(lanes.record, event, reason, clock.now()),
      onStatesDue: () => this.#keeper.changed(),
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
    this.subscribers = this.#pipeline.subscribers;
    this.#tailScope = new TailScope(parts.ownNode);
    this.tail = new Tail(
      { broker, jsm, clock, log, filter: () => this.#tailScope.filter, ...measuring.reading },
      {
        onMessage: this.#pipeline.onMessage,
        onLogInfo: (firstSeq) => {
          this.#events.beginsAt(firstSeq);
          this.#narrow();
        },
        onNewStream: () => {
          this.#logEnd = 0;
          this.#newest.forget();
          this.subscribers.startOver();
        },
        onLost: (firstSeq) => this.subscribers.lost(firstSeq),
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
        const { coarse, ...positions } = fitted(position, this.subscribers.cursors(position));
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
      this.subscribers.add(record, resumeAt(cursor, { ...record, start }, stream.created));
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
    this.subscribers.add(record, [Math.min(start, Math.max(this.tail.lastKnown, this.#logEnd)), {}]);
  }

  /** Now and then, so that a subscription that is deleted and made again does not have the log read anew each time. */
  #narrow(): void {
    this.#tailScope.narrow(Array.from(this.subscribers.all(), ({ record }) => record.filter));
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
      ...this.subscribers.backlog(),
      cursorAgeSeconds: this.#keeper.ageMs / 1_000,
    };
  }

  stopReading(): Promise<void> {
    return this.tail.stop();
  }

  /** No new attempts, no more questions to nodes; running attempts may end. */
  async stopDelivering(): Promise<void> {
    await this.#pipeline.stop(GRACE_MS);
  }

  saveLast(): Promise<void> {
    return this.#keeper.stop();
  }
}
