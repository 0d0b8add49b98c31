import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { JetStreamClient } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import { bus } from '../../services/shared/contract/bus.js';
import { encodeEvent, makeEvent, newTraceparent } from '../../services/shared/event.js';
import { eventSubject, resourceAddress } from '../../services/shared/subjects.js';
import { endsWithTheTests } from '../support/childProcess.js';

const { path, type } = bus.resources.lockState;

export interface Message {
  subject: string;
  id: string;
  body: string;
  headers: Record<string, string>;
}

/** The lock state of a node, as a collector would publish it. */
export function message(node: string, sequence: number, isSampled = false): Message {
  const id = `${node}-${sequence}`;
  const value = { ResourceAddress: `/cluster/node/${node}/ens1fx/master`, value: sequence % 2 ? 'FREERUN' : 'LOCKED' };
  const traceparent = newTraceparent().replace(/00$/, isSampled ? '01' : '00');
  const event = makeEvent({
    id,
    source: resourceAddress(node, path),
    type,
    time: new Date().toISOString(),
    sequence: String(sequence),
    traceparent,
    data: { version: '1.0', values: [{ ...value, data_type: 'notification', value_type: 'enumeration' }] },
  });
  const stages = JSON.stringify({ readAtMs: Date.now(), sentAtMs: Date.now(), parseMs: 0.05, enqueueMs: 0.1 });
  return {
    subject: eventSubject(node, path),
    id,
    body: encodeEvent(event),
    headers: { [bus.headers.stages]: stages, ...(isSampled && { [bus.headers.traceparent]: traceparent }) },
  };
}

export async function publish(js: JetStreamClient, messages: Message[]): Promise<void> {
  for (let i = 0; i < messages.length; i += 500) {
    await Promise.all(
      messages.slice(i, i + 500).map((one) => {
        const all = headers();
        for (const [name, value] of Object.entries(one.headers)) all.set(name, value);
        return js.publish(one.subject, one.body, { msgID: one.id, headers: all });
      }),
    );
  }
}

/** A consumer in a process of its own. */
export async function startSink() {
  const child: ChildProcess = fork(join(__dirname, 'sink.mjs'));
  endsWithTheTests(child);
  const port = await new Promise<number>((resolve) => child.once('message', (told) => resolve(told as number)));
  const url = `http://127.0.0.1:${port}/event`;
  return {
    url,
    state: async () => (await fetch(url)).json() as Promise<{ count: number; disorder: number }>,
    reset: () => fetch(url, { method: 'DELETE' }),
    close: () => child.kill(),
  };
}
