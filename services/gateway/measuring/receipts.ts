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

/** A receipt that may be held back, since when. It holds no event: the garbage collector would copy it around meanwhile. */
interface Due {
  event: string;
  subject: string;
  node: string;
  told: { tail: TailReceipt } | { delivery: DeliveryReceipt };
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
        merge(earlier, latest) {
          standFor(latest.told, earlier.told);
          return latest;
        },
        send: (due) => this.#outgoing.push(due),
        onLost: ({ told }) => count('dropped', weightOf(told)),
      },
      clock.monotonic(),
    );
    this.#timer = setInterval(() => this.#sendHeld(), SEND_HELD_MS).unref();
  }

  /** The tail has read an event that so many subscriptions match. */
  read(event: LoggedEvent, { atMs, stalledMs }: Reception, matches: number): void {
    const tail = { matches, receivedAtMs: atMs, stalledMs, others: 0, otherMatches: 0 };
    this.#offer('read', event, { tail });
  }

  /** A delivery has come to its end. */
  delivered(event: LoggedEvent, delivery: Omit<DeliveryReceipt, 'weight'>): void {
    this.#offer(delivery.outcome, event, { delivery: { ...delivery, weight: 1 } });
  }

  /** Nothing is told any more. */
  stop(): void {
    clearInterval(this.#timer);
    this.#sampler.close(this.#parts.clock.monotonic());
    this.#write();
  }

  #offer(what: string, event: LoggedEvent, told: Due['told']): void {
    const { clock, count } = this.#parts;
    if (!this.#canSend()) return count('dropped', 1);
    const nowMs = clock.monotonic();
    // A canary never stands for an event.
    const kind = event.path === bus.canary.path ? 'canary' : 'event';
    const due = { event: event.event.id, subject: event.subject, node: event.node, told, sinceMs: nowMs };
    this.#sampler.offer(`${event.node} ${kind} ${what}`, due, nowMs);
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

  #send({ event, subject, node, told, sinceMs }: Due): void {
    const { sender, clock, wall, scope, gateway, count } = this.#parts;
    const weight = weightOf(told);
    if (!this.#canSend()) return count('dropped', weight);
    const heldMs = clock.monotonic() - sinceMs;
    const receipt: Receipt = {
      event,
      subject,
      scope,
      gateway,
      sentAtMs: wall.now(),
      ...told,
      heldMs,
    };
    sender.send(receiptsSubject(node), receipt);
    count('sent', 1);
    if (weight > 1) count('sampled', weight - 1);
  }
}

const weightOf = (told: Due['told']): number => ('tail' in told ? told.tail.others + 1 : told.delivery.weight);

/** Has the latest one stand for an earlier one too; both are of the same kind: their key says so. */
function standFor(latest: Due['told'], earlier: Due['told']): void {
  if ('tail' in latest && 'tail' in earlier) {
    latest.tail.others += earlier.tail.others + 1;
    latest.tail.otherMatches += earlier.tail.otherMatches + earlier.tail.matches;
  } else if ('delivery' in latest && 'delivery' in earlier) {
    latest.delivery.weight += earlier.delivery.weight;
  }
}
