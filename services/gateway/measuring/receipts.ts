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
const FLUSH_MS = 250;

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

/** A receipt that may be held back, since when. */
interface Due {
  event: LoggedEvent;
  told: { tail: TailReceipt } | { delivery: DeliveryReceipt };
  sinceMs: number;
}

/** Tells the collectors what became of their events: read by the tail, and the end of each delivery. */
export class Receipts {
  readonly #parts: ReceiptParts;
  readonly #sampler: Sampler<Due>;
  readonly #timer: NodeJS.Timeout;

  constructor(parts: ReceiptParts) {
    const { clock, count } = parts;
    this.#parts = parts;
    this.#sampler = new Sampler<Due>(
      {
        perSecond: PER_SECOND,
        maxKeys: MAX_KEYS,
        merge: (earlier, latest) => ({ ...latest, told: standFor(earlier.told, latest.told) }),
        send: (due, nowMs) => this.#send(due, nowMs),
        onLost: ({ told }) => count('dropped', weightOf(told)),
      },
      clock.monotonic(),
    );
    this.#timer = setInterval(() => this.#flush(), FLUSH_MS).unref();
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
  }

  #offer(what: string, event: LoggedEvent, told: Due['told']): void {
    const { clock, count } = this.#parts;
    if (!this.#canSend()) return count('dropped', 1);
    const nowMs = clock.monotonic();
    // A canary never stands for an event.
    const kind = event.path === bus.canary.path ? 'canary' : 'event';
    this.#sampler.offer(`${event.node} ${kind} ${what}`, { event, told, sinceMs: nowMs }, nowMs);
  }

  #flush(): void {
    if (this.#canSend()) this.#sampler.sendDue(this.#parts.clock.monotonic());
  }

  #canSend(): boolean {
    return this.#parts.sender.canSend(bus.subjects.receipts);
  }

  #send({ event, told, sinceMs }: Due, nowMs: number): void {
    const { sender, wall, scope, gateway, count } = this.#parts;
    const heldMs = nowMs - sinceMs;
    const receipt: Receipt = {
      event: event.event.id,
      subject: event.subject,
      scope,
      gateway,
      sentAtMs: wall.now(),
      ...told,
      ...(heldMs > 0 && { heldMs }),
    };
    const weight = weightOf(told);
    if (!this.#canSend()) return count('dropped', weight);
    sender.send(receiptsSubject(event.node), receipt);
    count('sent', 1);
    if (weight > 1) count('sampled', weight - 1);
  }
}

const weightOf = (told: Due['told']): number => ('tail' in told ? told.tail.others + 1 : told.delivery.weight);

/** The later one, which from now on stands for the earlier too. They are of the same kind: their key says so. */
function standFor(earlier: Due['told'], latest: Due['told']): Due['told'] {
  if ('tail' in earlier && 'tail' in latest) {
    const others = earlier.tail.others + 1 + latest.tail.others;
    const otherMatches = earlier.tail.otherMatches + earlier.tail.matches + latest.tail.otherMatches;
    return { tail: { ...latest.tail, others, otherMatches } };
  }
  if ('delivery' in earlier && 'delivery' in latest) {
    return { delivery: { ...latest.delivery, weight: earlier.delivery.weight + latest.delivery.weight } };
  }
  return latest;
}
