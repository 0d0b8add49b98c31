import { setMaxListeners } from 'node:events';
import { JetStreamApiError, JetStreamError } from '@nats-io/jetstream';
import { InvalidArgumentError, PermissionViolationError } from '@nats-io/transport-node';
import { sleep } from '../../shared/clock.js';
import type { Logger } from '../../shared/log.js';
import type { PtpEvent } from '../../shared/event.js';
import { resourceOfSubject } from '../../shared/subjects.js';
import { backoffMs } from '../push/backoff.js';
import { Circuit } from '../push/circuitBreaker.js';
import { endpointName } from '../push/endpoint.js';
import type { AttemptResult } from '../push/result.js';
import { Delivery } from './delivery.js';
import type { DeliveryStatus } from './deliveryStatus.js';
import { InitialStates, type StateOrder } from './initialStates.js';
import { Lane, type Gap } from './lane.js';
import { oneSubject, type LoggedEvent } from './log.js';
import { readAtMs } from './newest.js';
import type { SubscriberPorts } from './ports.js';
import type { SentState, Subscriber } from './subscriber.js';

/** While the endpoint fails: enough that several lanes can be tried. */
const HELD_WHILE_FAILING = 8;

/** Refusals of a dead letter by the broker, after which it is done without. */
const MAX_REFUSALS = 8;

/** Whether it is the broker's own word on what it was asked, and not that it is away. */
const isAnswer = (err: unknown): boolean =>
  [JetStreamApiError, JetStreamError, InvalidArgumentError, PermissionViolationError].some((one) => err instanceof one);

/** When it worked last, and since when it does not, for the log. */
const timesOf = ({ lastSuccessMs, lastError }: DeliveryStatus): { lastSuccess?: string; failingSince?: string } => ({
  ...(lastSuccessMs !== undefined && { lastSuccess: new Date(lastSuccessMs).toISOString() }),
  ...(lastError !== undefined && { failingSince: new Date(lastError.sinceMs).toISOString() }),
});

/**
 * What one subscription has under way: its lanes run side by side, each strictly in order, and the current states that it
 * is to be sent. Made when there is something to do, forgotten when nothing is left.
 */
export class LaneSet {
  readonly circuit = new Circuit();
  readonly #subscriber: Subscriber;
  readonly #ports: SubscriberPorts;
  readonly #lanes = new Map<string, Lane>();
  #states: InitialStates | undefined;
  #isStopping: boolean;
  #stopping: AbortController | undefined;
  #inFlight = 0;
  /** What is asked of the broker or of nodes. */
  readonly #pending = new Set<Promise<void>>();
  readonly #onIdle: (() => void)[] = [];
  readonly #onAttached: (() => void)[] = [];
  #held = 0;
  #wakeCatchUp: (() => void) | undefined;
  /** The log has lost events that were due, how many is not known. */
  #hasGap = false;

  constructor(subscriber: Subscriber, ports: SubscriberPorts, isStopped: boolean) {
    this.#subscriber = subscriber;
    this.#ports = ports;
    this.#isStopping = isStopped;
  }

  /** Goes on where an earlier life left off. */
  resume(open: readonly (readonly [subject: string, first: number])[], hi: number, areStatesDue: boolean): void {
    const lanes = open.map(([subject, first]) => this.#open(subject, first - 1, hi));
    if (areStatesDue) this.sendStates('after');
    for (const lane of lanes) this.#pump(lane);
  }

  get record(): Subscriber['record'] {
    return this.#subscriber.record;
  }

  // Made when there is something to say.
  get log(): Logger {
    const { id, endpointUri } = this.record;
    return this.#ports.log.child({ subscription: id, endpoint: endpointName(endpointUri) });
  }

  /** No new attempts. */
  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** The same for what waits for an answer of the broker or of a node. */
  get signal(): AbortSignal {
    if (this.#stopping === undefined) {
      this.#stopping = new AbortController();
      // As many wait as there are nodes; Node.js would warn of more than ten.
      setMaxListeners(0, this.#stopping.signal);
    }
    if (this.#isStopping) this.#stopping.abort();
    return this.#stopping.signal;
  }

  get held(): number {
    return this.#held;
  }

  get openLanes(): number {
    return this.#lanes.size;
  }

  /** An event has failed and is tried again. */
  get isRetrying(): boolean {
    for (const lane of this.#lanes.values()) if (lane.isFailing) return true;
    return false;
  }

  lane(subject: string): Lane | undefined {
    return this.#lanes.get(subject);
  }

  lanes(): Iterable<Lane> {
    return this.#lanes.values();
  }

  get areStatesDue(): boolean {
    if (this.#states !== undefined && !this.#states.isEmpty) return true;
    for (const lane of this.#lanes.values()) if (lane.isStateDue) return true;
    return false;
  }

  get oldestStoredAtMs(): number | undefined {
    let oldest: number | undefined;
    for (const lane of this.#lanes.values()) {
      const storedAt = lane.oldestStoredAtMs;
      if (storedAt !== undefined && (oldest === undefined || storedAt < oldest)) oldest = storedAt;
    }
    return oldest;
  }

  /** The open lanes with their first unsettled sequence. */
  unsettled(): [subject: string, first: number][] {
    const open: [string, number][] = [];
    for (const lane of this.#lanes.values()) {
      if (lane.firstUnsettled !== undefined) open.push([lane.subject, lane.firstUnsettled]);
    }
    return open;
  }

  /** No new attempts. Those in flight have `graceMs` to end, then they are aborted; resolves when none is left. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    this.#stopping?.abort();
    this.#wakeCatchUp?.();
    this.caughtUp();
    for (const { delivery } of this.#lanes.values()) if (delivery) delivery.waitsIn?.cancel(delivery);
    const timer = setTimeout(() => {
      for (const { delivery } of this.#lanes.values()) delivery?.request?.abort();
    }, graceMs);
    while (!this.#isIdle) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
    clearTimeout(timer);
  }

  // --- room, and being behind

  /** Resolves when the subscription takes its events from the tail, or is stopped. */
  attached(): Promise<void> {
    if (this.#subscriber.isAttached || this.#isStopping) return Promise.resolve();
    return new Promise((resolve) => this.#onAttached.push(resolve));
  }

  /** Nothing of the log is left that is not in a lane. */
  caughtUp(): void {
    for (const resolve of this.#onAttached.splice(0)) resolve();
  }

  get isFull(): boolean {
    const { heldLimit } = this.#ports;
    return this.#held >= (this.circuit.isFailing ? Math.min(HELD_WHILE_FAILING, heldLimit) : heldLimit);
  }

  /** Resolves when there may be room. */
  room(): Promise<void> {
    return new Promise((resolve) => (this.#wakeCatchUp = resolve));
  }

  /** The endpoint works again: more may be held than while it failed. */
  recovered(): void {
    this.#wakeIfRoom();
  }

  #wakeIfRoom(): void {
    if (this.#wakeCatchUp === undefined || this.isFull) return;
    const wake = this.#wakeCatchUp;
    this.#wakeCatchUp = undefined;
    wake();
  }

  /** Keeps count of what the lanes hold. */
  #count(lane: Lane, heldBefore: number): void {
    this.#held += lane.length - heldBefore;
    this.#wakeIfRoom();
  }

  // --- lanes

  offer(event: LoggedEvent): void {
    const lane = this.#lanes.get(event.subject) ?? this.#open(event.subject, event.seq - 1);
    if (this.#states?.comesBefore(event.subject)) lane.awaitState();
    const held = lane.length;
    lane.offer(event);
    this.#count(lane, held);
    this.#pump(lane);
  }

  #open(subject: string, settled: number, newest?: number): Lane {
    const sent = this.#subscriber.sentState(subject);
    const lane = new Lane(subject, settled, newest, sent?.sequence, sent?.atMs);
    this.#lanes.set(subject, lane);
    return lane;
  }

  /** Begins the delivery whose turn it is; reads on in the log when the lane has nothing left but the log has. */
  #pump(lane: Lane): void {
    while (!this.#isStopping && !lane.isBusy && !lane.isReading) {
      const held = lane.length;
      const item = lane.begin();
      // A state that has found its turn is one more that is held.
      if (lane.length !== held) this.#count(lane, held);
      if (item !== undefined) {
        const delivery = new Delivery(this, lane, item.event, item.logged);
        lane.delivery = delivery;
        this.#inFlight += 1;
        this.#ports.push.start(delivery);
        return;
      }
      const { gap } = lane;
      if (gap === undefined) return this.#dropIfIdle(lane);
      this.#readOn(lane, gap);
    }
  }

  #dropIfIdle(lane: Lane): void {
    if (!lane.isIdle || lane.isReading || this.#isStopping) return;
    if (this.#lanes.get(lane.subject) === lane) this.#lanes.delete(lane.subject);
    this.#restIfDone();
  }

  #readOn(lane: Lane, gap: Gap): void {
    const filter = oneSubject(lane.subject);
    const recent = this.#ports.events.recent(filter, gap.from);
    if (recent !== 'older') return this.#takeRead(lane, gap, recent === 'none' ? undefined : recent);
    lane.isReading = true;
    this.track(
      this.ask(() => this.#ports.events.stored(filter, gap.from)).then((event) => {
        lane.isReading = false;
        if (event === 'stopped') return;
        this.#takeRead(lane, gap, event);
        this.#pump(lane);
      }),
    );
  }

  #takeRead(lane: Lane, gap: Gap, found: LoggedEvent | undefined): void {
    const held = lane.length;
    lane.read(found, gap);
    this.#count(lane, held);
    const isNothingFound = found === undefined || found.seq > gap.upTo;
    if (isNothingFound && gap.from < this.#ports.events.firstStored) this.#replaceLost(lane.subject);
  }

  /** Retention has taken all that was due of a subject: the state of now stands for it. */
  #replaceLost(subject: string): void {
    this.lostEvents();
    this.track(this.#initialStates().askFor([resourceOfSubject(subject)], 'after'));
    this.#ports.onStatesDue();
  }

  /** Retention has taken events that were due; the consumer is told with the next delivery. */
  lostEvents(): void {
    this.#hasGap = true;
    this.#ports.onGap(this.record);
  }

  // --- deliveries

  /** Events that were given up since the last delivery of a lane. */
  missedIn(lane: Lane): number | 'unknown' {
    return lane.missed === 0 && this.#hasGap ? 'unknown' : lane.missed;
  }

  /** An attempt has failed, and another one will be made: what comes after it in its lane is left to the log. */
  failed({ lane, event, attempt }: Delivery, reason: string): void {
    const held = lane.length;
    lane.park();
    this.#count(lane, held);
    const { clock } = this.#ports;
    const { status } = this.#subscriber;
    status.failed(reason, clock.now());
    status.tell('not delivered', clock, (times) => {
      const { events, orMore, oldestStoredAtMs } = this.#subscriber.backlog();
      const behindSeconds = oldestStoredAtMs === undefined ? undefined : (clock.now() - oldestStoredAtMs) / 1_000;
      const figures = { ...timesOf(status), behindEvents: events, orMore, behindSeconds };
      this.log.warn({ event: event.id, reason, attempt, times, ...figures }, 'not delivered');
    });
  }

  #recovered({ event, attempt }: Delivery): void {
    const { status } = this.#subscriber;
    status.tell('recovered', this.#ports.clock, (times) => {
      const { reason } = status.lastError ?? {};
      this.log.info(
        { event: event.id, attempt, times, lastError: reason, ...timesOf(status) },
        'delivered after failures',
      );
    });
  }

  #expired({ lane, event }: Delivery, reason: string): void {
    const { clock } = this.#ports;
    const { status } = this.#subscriber;
    lane.miss(1);
    status.failed(reason, clock.now());
    status.tooOld += 1;
    status.tell('too old', clock, (times) =>
      this.log.warn({ event: event.id, times }, 'too old, given up for a newer one'),
    );
  }

  /** A delivery has come back. */
  finished(delivery: Delivery, result: AttemptResult): void {
    const { lane, attempt, missed } = delivery;
    const { status } = this.#subscriber;
    switch (result.kind) {
      case 'accepted':
        if (status.isFailing) this.#recovered(delivery);
        status.succeeded(this.#ports.clock.now());
        lane.told();
        if (missed !== 0) this.#hasGap = false;
        return this.#settle(delivery, attempt > 1 ? 'retried' : 'delivered');
      case 'expired':
        this.#expired(delivery, result.reason);
        return this.#settle(delivery, 'too_old');
      case 'refused':
        return this.track(this.#deadLetter(delivery, result.reason));
      case 'gone':
        this.#ports.onGone(this.record);
        return this.#giveUp(delivery);
      case 'cancelled':
      case 'failed':
        return this.#giveUp(delivery);
    }
  }

  #settle(delivery: Delivery, outcome: 'delivered' | 'retried' | 'dead_letter' | 'too_old'): void {
    const { lane, logged, event } = delivery;
    this.#ports.onSettled(delivery, outcome);
    this.#subscriber.sent(lane.subject, logged === undefined ? this.#sentStateOf(event) : undefined);
    const held = lane.length;
    lane.settle();
    this.#giveUp(delivery);
    this.#count(lane, held);
    this.#pump(lane);
  }

  #sentStateOf(event: PtpEvent): SentState {
    return { sequence: BigInt(event.sequence), atMs: readAtMs(event, this.#ports.clock.now()) };
  }

  /** Nobody works on it any more; unless it was settled, its lane goes no further. */
  #giveUp(delivery: Delivery): void {
    delivery.lane.delivery = undefined;
    this.#inFlight -= 1;
    if (this.#isStopping) this.#tellIdle();
  }

  async #deadLetter(delivery: Delivery, reason: string): Promise<void> {
    const { id } = delivery.event;
    let refusals = 0;
    const isStored = await this.ask(async () => {
      try {
        await this.#ports.deadLetter(delivery, reason);
        return true;
      } catch (err) {
        // A broker that is away comes back; what it refuses time and again must not keep the next events waiting.
        if (!isAnswer(err) || (refusals += 1) < MAX_REFUSALS) throw err;
        this.log.error({ err, event: id, reason }, 'refused for good, and not kept as a dead letter');
        return false;
      }
    });
    if (isStored === 'stopped') return this.#giveUp(delivery);
    const { clock } = this.#ports;
    const { status } = this.#subscriber;
    status.refused(reason, clock.now());
    if (isStored) {
      status.tell('dead letter', clock, (times) =>
        this.log.warn({ event: id, reason, times }, 'refused for good, kept as a dead letter'),
      );
    }
    this.#settle(delivery, 'dead_letter');
  }

  // --- current states

  #initialStates(): InitialStates {
    this.#states ??= new InitialStates(this, this.#ports);
    return this.#states;
  }

  sendStates(order: StateOrder): void {
    this.track(this.#initialStates().findAll(order));
    this.#ports.onStatesDue();
  }

  /** A node is being asked: its lane waits, or goes on. */
  askingState(subject: string, order: StateOrder): void {
    const lane = this.#laneFor(subject);
    if (order === 'first') lane.awaitState();
    else lane.askAgain();
  }

  /** What a node has answered; undefined when it did not, or knows nothing. */
  takeState(subject: string, state: PtpEvent | undefined, order: StateOrder): void {
    const lane = this.#laneFor(subject);
    const held = lane.length;
    if (order === 'first') lane.state(state);
    else lane.stateAgain(state);
    this.#count(lane, held);
    this.#pump(lane);
  }

  /** No state will come for these lanes: events of a node that has written nothing down yet have waited in vain. */
  awaitNoMore(isPending: (subject: string) => boolean): void {
    for (const [subject, lane] of this.#lanes) {
      if (isPending(subject) || !lane.isAwaitingState) continue;
      lane.state(undefined);
      this.#pump(lane);
    }
  }

  /** The lane of a subject, begun where the subscription is now. */
  #laneFor(subject: string): Lane {
    return this.#lanes.get(subject) ?? this.#open(subject, this.#subscriber.position);
  }

  // --- what runs

  /** Asks the broker until it answers. */
  async ask<T>(question: () => Promise<T>): Promise<T | 'stopped'> {
    for (let n = 1; !this.#isStopping; n += 1) {
      try {
        return await question();
      } catch (err) {
        if (n === 1) this.log.warn({ err }, 'the broker does not answer, trying again');
        await sleep(this.#ports.clock, backoffMs(n, this.#ports.random()), this.signal);
      }
    }
    return 'stopped';
  }

  track(work: Promise<void>): void {
    const tracked: Promise<void> = work.finally(() => {
      this.#pending.delete(tracked);
      if (this.#isStopping) this.#tellIdle();
      else this.#restIfDone();
    });
    this.#pending.add(tracked);
  }

  get #isIdle(): boolean {
    return this.#inFlight === 0 && this.#pending.size === 0;
  }

  #tellIdle(): void {
    if (!this.#isIdle) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  #restIfDone(): void {
    if (!this.#isIdle || this.#lanes.size > 0 || this.#hasGap) return;
    if (this.#states !== undefined && !this.#states.isEmpty) return;
    if (this.circuit.isCalm(this.#ports.clock.monotonic())) this.#subscriber.rest(this);
  }
}
