import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { decodeEvent, type PtpEvent } from '../../services/shared/event.js';
import { resourceAddress, resourceOfSubject } from '../../services/shared/subjects.js';

export interface LoggedEvent {
  subject: string;
  /** Without the node: /sync/ptp-status/lock-state. */
  path: string;
  /** Nats-Msg-Id. */
  messageId: string;
  event: PtpEvent;
  /** As any client reads it. */
  json: unknown;
}

/** Everything on the stream, in the order of the bus. */
export async function readEventLog(brokerUrl: string): Promise<LoggedEvent[]> {
  const broker = await connect({ servers: brokerUrl });
  try {
    const jsm = await jetstreamManager(broker);
    const { state } = await jsm.streams.info('PTP_EVENTS');
    const log: LoggedEvent[] = [];
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
      const message = await jsm.streams.getMessage('PTP_EVENTS', { seq });
      if (message === null) continue;
      const { node, path } = resourceOfSubject(message.subject);
      const event = decodeEvent(message.data, resourceAddress(node, path));
      const messageId = message.header.get('Nats-Msg-Id');
      log.push({ subject: message.subject, path, messageId, event, json: message.json() });
    }
    return log;
  } finally {
    await broker.close();
  }
}
