import { randomUUID } from 'node:crypto';
import { jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { connect } from '@nats-io/transport-node';
import { bus } from '../../services/shared/contract/bus.js';
import type { CurrentState, NodeState, ResourceState } from '../../services/shared/messages.js';
import { nodeToken, querySubject } from '../../services/shared/subjects.js';

export interface Node {
  /** The collector goes; what it wrote down stays. */
  close(): Promise<void>;
}

/** Stands in for a node's collector in specs about the gateway: the lock state written down, and given when asked. */
export async function startNode(brokerUrl: string, node: string, word: string): Promise<Node> {
  const broker = await connect({ servers: brokerUrl });
  const jsm = await jetstreamManager(broker, { checkAPI: false });
  const states = await new Kvm(jsm.jetstream()).open(bus.buckets.states, { allow_direct: true });
  const { path, type } = bus.resources.lockState;
  const now = new Date().toISOString();
  const address = `/cluster/node/${node}/ens1fx/master`;
  const clock = { config: 'ptp4l.0.config', process: 'ptp4l', interface: 'ens1f0' };
  const notification = { data_type: 'notification', value_type: 'enumeration', value: word };
  const state: ResourceState = {
    resource: path,
    type,
    lastEvent: { id: randomUUID(), time: now, sequence: '1' },
    data: { version: '1.0', values: [{ ResourceAddress: address, ...notification }] },
    clocks: [{ ...clock, address, state: word, since: now, confirmed: true, lastLineAt: now }],
  };
  const written: NodeState = { node, writtenAt: now, bootId: randomUUID(), resources: [state], ports: [] };
  await states.put(nodeToken(node), JSON.stringify(written));
  broker.subscribe(querySubject(node, path), {
    callback(_, message) {
      const answer: CurrentState = { state, asOf: new Date().toISOString(), vouchedFor: true };
      message.respond(JSON.stringify(answer));
    },
  });
  await broker.flush();
  return { close: () => broker.close() };
}
