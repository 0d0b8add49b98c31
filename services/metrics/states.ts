import { JetStreamApiCodes, JetStreamApiError, type JetStreamManager, type StreamInfo } from '@nats-io/jetstream';
import type { MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import { bus } from '../shared/contract/bus.js';

const STREAM = `KV_${bus.buckets.states}`;
const PREFIX = `$KV.${bus.buckets.states}.`;

export interface StatesListener {
  onValue: (key: string, value: Uint8Array) => void;
  onErased: (key: string) => void;
  /** The keys that have a value as far as the listener knows. */
  known: () => string[];
}

/**
 * The values of ptp_states: heard as they are written, and compared with the bucket now and then. So it does not matter for
 * long what was missed, nor whether the bucket was made anew. No consumer is needed, hence none can be lost.
 */
export class States {
  readonly #jsm: JetStreamManager;
  readonly #listener: StatesListener;
  /** Up to where the bucket that was created then has been read. */
  #readTo = { created: '', sequence: 0 };
  /** Keys heard of since the comparison began. */
  readonly #heard = new Set<string>();

  constructor(broker: NatsConnection, jsm: JetStreamManager, listener: StatesListener) {
    this.#jsm = jsm;
    this.#listener = listener;
    broker.subscribe(`${PREFIX}>`, {
      callback: (err, { subject, data, headers }) => {
        if (err !== null) return;
        this.#heard.add(subject.slice(PREFIX.length));
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
    if (info) await this.#readOn();
    const stored = new Set(Object.keys(info?.state.subjects ?? {}));
    for (const key of this.#listener.known()) {
      if (!stored.has(`${PREFIX}${key}`) && !this.#heard.has(key)) this.#listener.onErased(key);
    }
  }

  /** The bucket and its keys; undefined while there is none: the first collector will make it. */
  async #info(): Promise<StreamInfo | undefined> {
    try {
      return await this.#jsm.streams.info(STREAM, { subjects_filter: `${PREFIX}>` });
    } catch (err) {
      if (err instanceof JetStreamApiError && err.code === JetStreamApiCodes.StreamNotFound) return undefined;
      throw err;
    }
  }

  /** A bucket is a stream that keeps the last message of each key: what has changed has a higher sequence. */
  async #readOn(): Promise<void> {
    for (;;) {
      const query = { seq: this.#readTo.sequence + 1, next_by_subj: `${PREFIX}>` };
      const message = await this.#jsm.direct.getMessage(STREAM, query);
      if (message === null) return;
      this.#readTo.sequence = message.seq;
      this.#take(message.subject, message.data, message.header);
    }
  }

  #take(subject: string, value: Uint8Array, headers: MsgHdrs | undefined): void {
    const key = subject.slice(PREFIX.length);
    const operation = headers?.get('KV-Operation') ?? '';
    if (operation === 'DEL' || operation === 'PURGE') this.#listener.onErased(key);
    else this.#listener.onValue(key, value);
  }
}
