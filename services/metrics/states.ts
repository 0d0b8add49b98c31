import {
  JetStreamApiCodes,
  JetStreamApiError,
  type DirectMsgRequest,
  type JetStreamManager,
  type StreamInfo,
} from '@nats-io/jetstream';
import type { MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import { bus } from '../shared/contract/bus.js';

/** Values that are asked for at the same time. */
const AT_ONCE = 32;

export interface StatesListener {
  onValue: (key: string, value: Uint8Array) => void;
  /** `isDeleted`: somebody has deleted it, and left a marker that says so. */
  onErased: (key: string, isDeleted: boolean) => void;
  /** Told once of each: of this key there is no answer while there is of others. */
  onUnreadable: (key: string, err: unknown) => void;
  /** The keys that have a value as far as the listener knows. */
  known: () => string[];
}

/**
 * The values of a bucket, ptp_states if no other is named: heard as they are written, and compared with the bucket now and then. So it does not matter for
 * long what was missed, nor whether the bucket was made anew. No consumer is needed, hence none can be lost.
 */
export class States {
  readonly #jsm: JetStreamManager;
  readonly #listener: StatesListener;
  readonly #stream: string;
  readonly #prefix: string;
  /** Up to where the bucket that was created then has been read. */
  #readTo = { created: '', sequence: 0 };
  /** Keys heard of since the comparison began. */
  readonly #heard = new Set<string>();
  /** Subjects that are not answered for while others are. */
  readonly #unreadable = new Set<string>();

  constructor(
    broker: NatsConnection,
    jsm: JetStreamManager,
    listener: StatesListener,
    bucket: string = bus.buckets.states,
  ) {
    this.#stream = `KV_${bucket}`;
    this.#prefix = `$KV.${bucket}.`;
    this.#jsm = jsm;
    this.#listener = listener;
    broker.subscribe(`${this.#prefix}>`, {
      callback: (err, { subject, data, headers }) => {
        if (err !== null) return;
        this.#heard.add(subject.slice(this.#prefix.length));
        this.#take(subject, data, headers);
      },
    });
  }

  /** Reads what was written since the last time, and erases what is not there any more. Rejects when the broker is away. */
  async compare(): Promise<void> {
    this.#heard.clear();
    const info = await this.#info();
    const created = info?.created ?? '';
    if (created !== this.#readTo.created) this.#readTo = { created, sequence: 0 };
    const stored = new Set(Object.keys(info?.state.subjects ?? {}));
    if (info && this.#readTo.sequence === 0) {
      await this.#readAll([...stored]);
      this.#readTo.sequence = info.state.last_seq;
    } else if (info) {
      await this.#readOn(info.state.last_seq);
      await this.#readAll([...this.#unreadable].filter((subject) => stored.has(subject)));
    }
    for (const subject of this.#unreadable) if (!stored.has(subject)) this.#unreadable.delete(subject);
    for (const key of this.#listener.known()) {
      if (!stored.has(`${this.#prefix}${key}`) && !this.#heard.has(key)) this.#listener.onErased(key, false);
    }
  }

  /** The bucket and its keys; undefined while there is none: the first collector will make it. */
  async #info(): Promise<StreamInfo | undefined> {
    try {
      return await this.#jsm.streams.info(this.#stream, { subjects_filter: `${this.#prefix}>` });
    } catch (err) {
      if (err instanceof JetStreamApiError && err.code === JetStreamApiCodes.StreamNotFound) return undefined;
      throw err;
    }
  }

  /** Rejects when nothing can be read. What alone cannot is left out, told once, and asked for with every comparison. */
  async #readAll(subjects: string[]): Promise<void> {
    const failures = new Map<string, unknown>();
    for (let i = 0; i < subjects.length; i += AT_ONCE) {
      await Promise.all(
        subjects.slice(i, i + AT_ONCE).map(async (subject) => {
          try {
            await this.#read({ last_by_subj: subject });
            this.#unreadable.delete(subject);
          } catch (err) {
            failures.set(subject, err);
          }
        }),
      );
    }
    const [first] = failures.values();
    if (failures.size > 0 && failures.size === subjects.length && this.#unreadable.size === 0) throw first;
    for (const [subject, err] of failures) {
      if (!this.#unreadable.has(subject)) this.#listener.onUnreadable(subject.slice(this.#prefix.length), err);
      this.#unreadable.add(subject);
    }
  }

  /**
   * A bucket is a stream that keeps the last message of each key: what has changed has a higher sequence. Ends at the
   * last one there was, also where the broker finds none before it.
   */
  async #readOn(lastSequence: number): Promise<void> {
    for (;;) {
      const sequence = await this.#read({ seq: this.#readTo.sequence + 1, next_by_subj: `${this.#prefix}>` });
      if (sequence === undefined) break;
      this.#readTo.sequence = sequence;
    }
    this.#readTo.sequence = Math.max(this.#readTo.sequence, lastSequence);
  }

  /** Its sequence; undefined: there is none. */
  async #read(query: DirectMsgRequest): Promise<number | undefined> {
    const message = await this.#jsm.direct.getMessage(this.#stream, query);
    if (message === null) return undefined;
    this.#take(message.subject, message.data, message.header);
    return message.seq;
  }

  #take(subject: string, value: Uint8Array, headers: MsgHdrs | undefined): void {
    const key = subject.slice(this.#prefix.length);
    const operation = headers?.get('KV-Operation') ?? '';
    if (operation === 'DEL' || operation === 'PURGE') this.#listener.onErased(key, true);
    else this.#listener.onValue(key, value);
  }
}
