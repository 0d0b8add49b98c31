import { JetStreamApiCodes, JetStreamApiError, type JetStreamManager } from '@nats-io/jetstream';
import { Kvm, type KV } from '@nats-io/kv';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { bus } from '../shared/contract/bus.js';

const STREAM = `KV_${bus.buckets.states}`;
const PREFIX = `$KV.${bus.buckets.states}.`;
/** Time to list the keys; a broker that goes away in between would keep us waiting for ever. */
const LIST_MS = 10_000;
/** What the package's types do not tell: its history can leave the values out. */
const REVISIONS = { key: '>', headers_only: true };
/** Values that are asked for at the same time. */
const AT_ONCE = 32;

export interface StatesListener {
  /** The value of a key; its revision is not known where it was heard as it was written. */
  onValue: (key: string, value: Uint8Array) => void;
  onErased: (key: string) => void;
  /** The keys that have a value as far as the listener knows. */
  known: () => string[];
}

/**
 * The values of ptp_states: heard as they are written, and compared with all there are in the bucket now and then. So it
 * does not matter for long what was missed, nor whether the bucket was made anew.
 */
export class States {
  readonly #jsm: JetStreamManager;
  readonly #listener: StatesListener;
  /** The revision of each value that was read from the bucket, of the bucket that was created then. */
  readonly #revisions = new Map<string, number>();
  #created = '';
  /** Keys heard of since the comparison began. */
  readonly #heard = new Set<string>();

  constructor(broker: NatsConnection, jsm: JetStreamManager, listener: StatesListener) {
    this.#jsm = jsm;
    this.#listener = listener;
    broker.subscribe(`${PREFIX}>`, { callback: (err, message) => void (err === null && this.#hear(message)) });
  }

  #hear({ subject, data, headers }: Msg): void {
    const key = subject.slice(PREFIX.length);
    // Its revision is not known, so the next comparison reads it once more.
    this.#revisions.delete(key);
    this.#heard.add(key);
    const operation = headers?.get('KV-Operation') ?? '';
    if (operation === 'DEL' || operation === 'PURGE') this.#listener.onErased(key);
    else this.#listener.onValue(key, data);
  }

  /** Reads every value that is not known as it is in the bucket. Rejects when the broker does not answer. */
  async compare(): Promise<void> {
    this.#heard.clear();
    const created = await this.#whenCreated();
    if (created !== this.#created) this.#revisions.clear();
    this.#created = created ?? '';
    const bucket = created === undefined ? undefined : await this.#open();
    const listed = bucket ? await within(LIST_MS, this.#list(bucket)) : new Map<string, number>();
    const changed = [...listed].filter(([key, revision]) => this.#revisions.get(key) !== revision);
    for (let i = 0; bucket && i < changed.length; i += AT_ONCE) {
      await Promise.all(changed.slice(i, i + AT_ONCE).map(([key]) => this.#read(bucket, key)));
    }
    for (const key of [...this.#listener.known(), ...this.#revisions.keys()]) {
      if (listed.has(key) || this.#heard.has(key)) continue;
      this.#revisions.delete(key);
      this.#listener.onErased(key);
    }
  }

  /** undefined: there is no bucket yet, and the first collector will make it. */
  async #whenCreated(): Promise<string | undefined> {
    try {
      return (await this.#jsm.streams.info(STREAM)).created;
    } catch (err) {
      if (err instanceof JetStreamApiError && err.code === JetStreamApiCodes.StreamNotFound) return undefined;
      throw err;
    }
  }

  #open(): Promise<KV> {
    return new Kvm(this.#jsm.jetstream()).open(bus.buckets.states, { bindOnly: true, allow_direct: true });
  }

  /** The revision of every value, without the values. */
  async #list(bucket: KV): Promise<Map<string, number>> {
    const revisions = new Map<string, number>();
    let entries = 0;
    for await (const { key, operation, revision } of await bucket.history(REVISIONS)) {
      entries += 1;
      if (operation === 'PUT') revisions.set(key, revision);
      else revisions.delete(key);
    }
    // An interrupted list ends like a complete one, and what is not listed would be taken for erased. What was written
    // meanwhile may be missing.
    const { state } = await this.#jsm.streams.info(STREAM);
    const missing = state.messages - entries - this.#heard.size;
    if (missing > 0) throw new Error(`listed ${entries} of ${state.messages} values of ${STREAM}`);
    return revisions;
  }

  async #read(bucket: KV, key: string): Promise<void> {
    const entry = await bucket.get(key);
    // Erased meanwhile: that is heard of by itself.
    if (entry === null || entry.operation !== 'PUT') return;
    this.#revisions.set(key, entry.revision);
    this.#listener.onValue(key, entry.value);
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${STREAM} not listed within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
