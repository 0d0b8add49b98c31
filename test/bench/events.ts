import type { JetStreamClient } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import { bus } from '../../services/shared/contract/bus.js';
import { encodeEvent, makeEvent, newTraceparent } from '../../services/shared/event.js';
import { eventSubject, resourceAddress } from '../../services/shared/subjects.js';

const { path, type } = bus.resources.lockState;
/** Publishes that wait for their answer at a time. */
const AT_ONCE = 500;

export interface Message {
  subject: string;
  id: string;
  body: string;
  headers: Record<string, string>;
}

/** The lock state of a node, as a collector publishes it. */
export function message(node: string, sequence: number): Message {
  const id = `${node}-${sequence}`;
  const address = `/cluster/node/${node}/ens1fx/master`;
  const value = (data_type: string, value_type: string, text: string) => ({
    ResourceAddress: address,
    data_type,
    value_type,
    value: text,
  });
  const event = makeEvent({
    id,
    source: resourceAddress(node, path),
    type,
    time: new Date().toISOString(),
    sequence: String(sequence),
    traceparent: newTraceparent(),
    data: {
      version: '1.0',
      values: [
        value('notification', 'enumeration', sequence % 2 === 0 ? 'LOCKED' : 'FREERUN'),
        value('metric', 'decimal64.3', String(sequence)),
      ],
    },
  });
  const stages = JSON.stringify({ readAtMs: Date.now(), sentAtMs: Date.now(), parseMs: 0.05, enqueueMs: 0.1 });
  return { subject: eventSubject(node, path), id, body: encodeEvent(event), headers: { [bus.headers.stages]: stages } };
}

export const messagesOf = (nodes: readonly string[], from: number, each: number): Message[] =>
  Array.from({ length: each }, (_, n) => nodes.map((node) => message(node, from + n))).flat();

export async function publish(js: JetStreamClient, messages: readonly Message[]): Promise<void> {
  for (let i = 0; i < messages.length; i += AT_ONCE) {
    await Promise.all(
      messages.slice(i, i + AT_ONCE).map((one) => {
        const all = headers();
        for (const [name, value] of Object.entries(one.headers)) all.set(name, value);
        return js.publish(one.subject, one.body, { msgID: one.id, headers: all });
      }),
    );
  }
}
