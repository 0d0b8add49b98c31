import { createInbox, type NatsConnection } from '@nats-io/transport-node';
import { bus } from '../shared/contract/bus.js';
import { isNodeName } from '../shared/subjects.js';
import { asObject, BadMessage, readObject } from './untrusted.js';

const MAX_BYTES = 16_384;
const NO_RESPONDERS = 503;

/** Asks all collectors at once whether they live: they are NATS micro-services, and answer `$SRV.PING.<name>`. */
export class Presence {
  readonly #broker: NatsConnection;
  readonly #inbox = createInbox();

  /** @param onAnswer is told of every answer, however late it comes; `undefined`: of one that is malformed */
  constructor(broker: NatsConnection, onAnswer: (node: string | undefined) => void) {
    this.#broker = broker;
    broker.subscribe(this.#inbox, {
      callback: (err, { data, headers }) => {
        if (err === null && headers?.code !== NO_RESPONDERS) onAnswer(nodeOf(data));
      },
    });
  }

  ask(): void {
    this.#broker.publish(`$SRV.PING.${bus.services.collector}`, '', { reply: this.#inbox });
  }
}

/** The node whose collector gave this answer. */
function nodeOf(answer: Uint8Array): string | undefined {
  try {
    const { name, metadata } = readObject(answer, MAX_BYTES);
    const { node } = asObject(metadata, 'metadata');
    return name === bus.services.collector && typeof node === 'string' && isNodeName(node) ? node : undefined;
  } catch (err) {
    if (err instanceof BadMessage) return undefined;
    throw err;
  }
}
