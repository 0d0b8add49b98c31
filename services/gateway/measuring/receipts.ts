import type { Clock, FineClock } from '../../shared/clock.js';
import { bus } from '../../shared/contract/bus.js';
import type { DeliveryReceipt, Receipt, TailReceipt } from '../../shared/messages.js';
import { receiptsSubject } from '../../shared/subjects.js';
import type { LoggedEvent } from '../delivery/log.js';
import type { Reception } from '../delivery/tail.js';
import { Sampler } from './sampler.js';
import type { Sender } from './sender.js';

/** Receipts a second that all collectors together are sent; above that one stands for several. */
const PER_SECOND = 1_000;
/** Nodes and outcomes whose receipts may be held back at the same time. */
const MAX_KEYS = 20_000;
const SEND_HELD_MS = 250;
/** At most one write to the broker's connection in so long: a write costs more than all else about a receipt. */
const WRITE_MS = 5;

export interface ReceiptParts {
  sender: Sender;
  clock: Clock;
  wall: FineClock;
  /** Who sends them. */
  scope: string;
  gateway: string;
  /** Told what became of so many. */
  count: (outcome: 'sent' | 'sampled' | 'dropped', receipts: number) => void;
}

/** A receipt that may be held back. It holds no event: the garbage collector would copy it around meanwhile. */
interface Due {
  event: string;
  subject: string;
  readonly node: string;
  /** Either of them; what is told is of the latest. */
  tail: TailReceipt | undefined;
  delivery: DeliveryReceipt | undefined;
  /** When the latest came to be told. */
  sinceMs: number;
}

/** Tells the collectors what became of their events: read by the tail, and the end of each delivery. */
export class Receipts {
  readonly #parts: ReceiptParts;
  readonly #sampler: Sampler<Due>;
  readonly #timer: NodeJS.Timeout;
  /** On their way out, with the next write. */
  #outgoing: Due[] = [];
  #wroteMs = -Infinity;
  #cancelWrite: (() => void) | undefined;

  constructor(parts: ReceiptParts) {
    const { clock, count } = parts;
    this.#parts = parts;
    this.#sampler = new Sampler<Due>(
      {
        perSecond: PER_SECOND,
        maxKeys: MAX_KEYS,
        send: (due) => this.#outgoing.push(due),
        onLost: (due) => count('dropped', weightOf(due)),
      },
      clock.monotonic(),
    );
    this.#timer = setInterval(() => this.#sendHeld(), SEND_HELD_MS).unref();
  }

  /** The tail has read an event that so many subscriptions match. */
  read(event: LoggedEvent, { atMs, stalledMs }: Reception, matches: number): void {
    const { clock, count } = this.#parts;
    if (!this.#canSend()) return count('dropped', 1);
    const nowMs = clock.monotonic();
    const key = keyOf(event, 'read');
    this.#sampler.sendDue(nowMs);
    const due = this.#sampler.held(key) ?? newDue(event, nowMs);
    const { tail } = due;
    if (tail === undefined) {
      due.tail = { matches, receivedAtMs: atMs, stalledMs, others: 0, otherMatches: 0 };
    } else {
      tail.others += 1;
      tail.otherMatches += tail.matches;
      tail.matches = matches;
      tail.receivedAtMs = atMs;
      tail.stalledMs = stalledMs;
    }
    this.#offer(key, due, event, nowMs);
  }

  /** A delivery has come to its end. */
  delivered(event: LoggedEvent, told: Omit<DeliveryReceipt, 'weight'>): void {
    const { clock, count } = this.#parts;
    if (!this.#canSend()) return count('dropped', 1);
    const nowMs = clock.monotonic();
    const key = keyOf(event, told.outcome);
    this.#sampler.sendDue(nowMs);
    const due = this.#sampler.held(key) ?? newDue(event, nowMs);
    const weight = (due.delivery?.weight ?? 0) + 1;
    due.delivery = { ...told, weight };
    this.#offer(key, due, event, nowMs);
  }

  /** Nothing is told any more. */
  stop(): void {
    clearInterval(this.#timer);
    this.#sampler.close(this.#parts.clock.monotonic());
    this.#write();
  }

  #offer(key: string, due: Due, { event, subject }: LoggedEvent, nowMs: number): void {
    due.event = event.id;
    due.subject = subject;
    due.sinceMs = nowMs;
    this.#sampler.offer(key, due, nowMs);
    this.#writeSoon(nowMs);
  }

  #sendHeld(): void {
    if (!this.#canSend()) return;
    const nowMs = this.#parts.clock.monotonic();
    this.#sampler.sendDue(nowMs);
    this.#writeSoon(nowMs);
  }

  #canSend(): boolean {
    return this.#parts.sender.canSend(bus.subjects.receipts);
  }

  /** At once after a pause; else together with what comes until the next write is due. */
  #writeSoon(nowMs: number): void {
    if (this.#outgoing.length === 0 || this.#cancelWrite !== undefined) return;
    if (nowMs - this.#wroteMs >= WRITE_MS) this.#write();
    else this.#cancelWrite = this.#parts.clock.wakeAt(this.#wroteMs + WRITE_MS, () => this.#write());
  }

  #write(): void {
    this.#cancelWrite?.();
    this.#cancelWrite = undefined;
    this.#wroteMs = this.#parts.clock.monotonic();
    const outgoing = this.#outgoing;
    this.#outgoing = [];
    for (const due of outgoing) this.#send(due);
  }

  #send(due: Due): void {
    const { event, subject, node, tail, delivery, sinceMs } = due;
    const { sender, clock, wall, scope, gateway, count } = this.#parts;
    const weight = weightOf(due);
    if (!this.#canSend()) return count('dropped', weight);
    const heldMs = clock.monotonic() - sinceMs;
    const receipt: Receipt = {
      event,
      subject,
      scope,
      gateway,
      sentAtMs: wall.now(),
      ...(tail && { tail }),
      ...(delivery && { delivery }),
      heldMs,
    };
    sender.send(receiptsSubject(node), receipt);
    count('sent', 1);
    if (weight > 1) count('sampled', weight - 1);
  }
}

/** A canary never stands for an event. */
const keyOf = ({ node, path }: LoggedEvent, what: string): string =>
  path === bus.canary.path ? `${node} canary ${what}` : `${node} ${what}`;

const newDue = ({ event, subject, node }: LoggedEvent, sinceMs: number): Due => ({
  event: event.id,
  subject,
  node,
  tail: undefined,
  delivery: undefined,
  sinceMs,
});

const weightOf = ({ tail, delivery }: Due): number => (tail ? tail.others + 1 : (delivery?.weight ?? 1));
