import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import { bus } from '../../shared/contract/bus.js';
import type { DeadLetter } from '../../shared/contract/rest-v1.js';
import { excerpt } from '../../shared/excerpt.js';
import { BadMessage, parseMessage } from '../../shared/messageChecks.js';
import type { Unreadable } from '../unreadable.js';
import type { DataVersion, SubscriptionRecord } from '../subscriptions/record.js';
import type { PtpEvent } from '../../shared/event.js';
import { pushedEvent } from '../push/body.js';

/** Dead letters that one answer lists, the newest. */
export const LISTED = 100;

/** What consumers refused for good, with the reason: stream PTP_DEADLETTER, one subject per subscription, kept 7 days. */
export class DeadLetters {
  readonly #js: JetStreamClient;
  readonly #jsm: JetStreamManager;
  readonly #unreadable: Unreadable;

  constructor(js: JetStreamClient, jsm: JetStreamManager, unreadable: Unreadable) {
    this.#js = js;
    this.#jsm = jsm;
    this.#unreadable = unreadable;
  }

  /** Rejects while the broker is away. A repeat of the same event is the same dead letter. */
  async store(record: SubscriptionRecord, event: PtpEvent, reason: string, now: number): Promise<void> {
    const letter: DeadLetter = {
      subscription: record.id,
      reason,
      time: new Date(now).toISOString(),
      sequence: event.sequence,
      event: pushedEvent(event, record.dataVersion ?? ('both' satisfies DataVersion)),
    };
    await this.#js.publish(subject(record.id), JSON.stringify(letter), { msgID: `${record.id}.${event.id}` });
  }

  /** The newest dead letters of a subscription, oldest first. Rejects while the broker is away. */
  async list(id: string): Promise<DeadLetter[]> {
    const letters: DeadLetter[] = [];
    const last = await this.#jsm.direct.getMessage(bus.streams.deadLetters, { last_by_subj: subject(id) });
    for (let at = 1; last !== null && at <= last.seq;) {
      const found = await this.#jsm.direct.getMessage(bus.streams.deadLetters, { seq: at, next_by_subj: subject(id) });
      if (found === null) break;
      const letter = this.#read(found.data, id, found.seq);
      if (letter !== undefined) letters.push(letter);
      if (letters.length > LISTED) letters.shift();
      at = found.seq + 1;
    }
    return letters;
  }

  #read(data: Uint8Array, id: string, seq: number): DeadLetter | undefined {
    try {
      const letter = parseMessage('DeadLetter', data);
      if (letter.subscription === id) return letter;
      throw new BadMessage(`it is about ${excerpt(letter.subscription)}`);
    } catch (err) {
      if (!(err instanceof BadMessage)) throw err;
      this.#unreadable.note('dead letter', { seq, subscription: id, reason: err.message });
      return undefined;
    }
  }
}

const subject = (id: string): string => `${bus.subjects.deadLetters}.${id}`;
