import { randomUUID } from 'node:crypto';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, headers, type MsgHdrs } from '@nats-io/transport-node';
import { bus } from '../../services/shared/contract/bus.js';
import { encodeEvent, makeEvent, newTraceparent, type PtpEvent } from '../../services/shared/event.js';
import { canarySubject, eventSubject, resourceAddress } from '../../services/shared/subjects.js';
import { eventually } from './eventually.js';

export interface Publisher {
  /** Publishes the next lock-state event of a node as its collector would: the same id until the broker has it. */
  lockState(node: string, state: string, offset?: number, headers?: Record<string, string>): Promise<PtpEvent>;
  /** Publishes a canary of a node as its collector would. */
  canary(node: string): Promise<PtpEvent>;
  /** Publishes anything on a subject. */
  raw(subject: string, payload: string): Promise<void>;
  /** Takes all but the newest events from the stream, as retention does. */
  forgetAllBut(keep: number): Promise<void>;
  /** Deletes the stream and makes it anew, as after a lost store. */
  replaceLog(): Promise<void>;
  close(): Promise<void>;
}

/** Puts events on a real broker without a collector, for specs about the gateway alone. */
export async function startPublisher(brokerUrl: string): Promise<Publisher> {
  const broker = await connect({ servers: brokerUrl, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  const jsm = await jetstreamManager(broker, { checkAPI: false, timeout: 2_000 });
  const js = jsm.jetstream();
  const sequences = new Map<string, number>();
  const { path, type } = bus.resources.lockState;
  return {
    async lockState(node, state, offset = 0, extra = {}) {
      const sequence = (sequences.get(node) ?? 0) + 1;
      sequences.set(node, sequence);
      const address = `/cluster/node/${node}/ens1fx/master`;
      const value = (data_type: string, value_type: string, text: string) => ({
        ResourceAddress: address,
        data_type,
        value_type,
        value: text,
      });
      const event = makeEvent({
        id: randomUUID(),
        source: resourceAddress(node, path),
        type,
        time: new Date().toISOString(),
        sequence: String(sequence),
        traceparent: newTraceparent(),
        data: {
          version: '1.0',
          values: [value('notification', 'enumeration', state), value('metric', 'decimal64.3', String(offset))],
        },
      });
      const subject = eventSubject(node, path);
      const options = { msgID: event.id, timeout: 250, headers: msgHeaders(extra) };
      await eventually(() => js.publish(subject, encodeEvent(event), options), 60_000);
      return event;
    },
    async canary(node) {
      const event = makeEvent({
        id: randomUUID(),
        source: resourceAddress(node, bus.canary.path),
        type: bus.canary.type,
        time: new Date().toISOString(),
        sequence: String(Date.now()),
        traceparent: newTraceparent(),
        data: {
          version: '1.0',
          values: [
            {
              ResourceAddress: resourceAddress(node, bus.canary.path),
              data_type: 'notification',
              value_type: 'enumeration',
              value: 'OK',
            },
          ],
        },
      });
      const options = { msgID: event.id, timeout: 250 };
      await eventually(() => js.publish(canarySubject(node), encodeEvent(event), options), 60_000);
      return event;
    },
    async raw(subject, payload) {
      await js.publish(subject, payload);
    },
    async forgetAllBut(keep) {
      await jsm.streams.purge(bus.streams.events, { keep });
    },
    async replaceLog() {
      const { config } = await jsm.streams.info(bus.streams.events);
      await jsm.streams.delete(bus.streams.events);
      await jsm.streams.add(config);
    },
    close: () => broker.close(),
  };
}

function msgHeaders(values: Record<string, string>): MsgHdrs {
  const all = headers();
  for (const [name, value] of Object.entries(values)) all.set(name, value);
  return all;
}
