import { createInbox, type NatsConnection } from '@nats-io/transport-node';
import { bus } from '../shared/contract/bus.js';
import { isNodeName } from '../shared/subjects.js';

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
        if (err !== null || (headers?.code === NO_RESPONDERS && data.length === 0)) return;
        onAnswer(nodeOf(data));
      },
    });
  }

  ask(): void {
    this.#broker.publish(`$SRV.PING.${bus.services.collector}`, '', { reply: this.#inbox });
  }
}

/** The node whose collector gave this answer: NATS's own message, so none of ours. */
function nodeOf(answer: Uint8Array): string | undefined {
  if (answer.length > MAX_BYTES) return undefined;
  let read: unknown;
  try {
    read = JSON.parse(Buffer.from(answer).toString('utf8'));
  } catch {
    return undefined;
  }
  const { name, metadata } = (read ?? {}) as { name?: unknown; metadata?: unknown };
  const { node } = (metadata ?? {}) as { node?: unknown };
  return name === bus.services.collector && typeof node === 'string' && isNodeName(node) ? node : undefined;
}
