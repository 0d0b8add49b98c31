import { setTimeout as pause } from 'node:timers/promises';
import { Kvm, type KV } from '@nats-io/kv';
import { createInbox } from '@nats-io/transport-node';
import { connectOnce, jetStream, type NatsConnection } from '../shared/broker.js';
import { bus } from '../shared/contract/bus.js';
import type { GatewayReport, Maintenance } from '../shared/messages.js';
import { CannotStart } from '../shared/service.js';
import { gatewaySubject, isNodeToken, nodeOfToken, nodeToken } from '../shared/subjects.js';
import type { Command } from './arguments.js';
import type { OperateConfig } from './config.js';

/** Collectors answer from memory. */
const ANSWER_MS = 1_000;
/** A gateway reports every 5 s. */
const REPORT_MS = 6_000;

/** Does what a command says; gives what to print. Throws CannotStart for a reason that the operator can mend. */
export async function run(command: Command, { broker: settings }: OperateConfig): Promise<string[]> {
  const broker = await connectOnce(settings, 'operate');
  try {
    return await runWith(command, broker);
  } catch (err) {
    if (err instanceof CannotStart) throw err;
    throw new CannotStart(`the broker did not do it: ${(err as Error).message}`, { cause: err });
  } finally {
    await broker.drain();
  }
}

async function runWith(command: Command, broker: NatsConnection): Promise<string[]> {
  const { js } = await jetStream(broker);
  const kvm = new Kvm(js);
  const bucket = (name: keyof typeof bus.buckets): Promise<KV> =>
    kvm.open(bus.buckets[name], { bindOnly: true, allow_direct: true });
  switch (command.do) {
    case 'forget node':
      return forgetNode(command.node, broker, bucket);
    case 'forget scope':
      return forgetScope(command.scope, broker, bucket);
    case 'list maintenance':
      return listMaintenance(await bucket('maintenance'));
    case 'start maintenance':
      return startMaintenance(command, bucket);
    case 'end maintenance':
      return (await deleteKey(await bucket('maintenance'), nodeToken(command.node)))
        ? [`maintenance of ${command.node} has ended`]
        : [`${command.node} was not in maintenance`];
  }
}

type Open = (name: keyof typeof bus.buckets) => Promise<KV>;

async function forgetNode(node: string, broker: NatsConnection, bucket: Open): Promise<string[]> {
  if (await collectorAnswers(node, broker)) {
    throw new CannotStart(`the collector of ${node} answers: stop it first, or use maintenance start`);
  }
  const publishers = await deleteWhere(await bucket('publishers'), '>', (value) => isOfNode(value, node));
  const hadMaintenance = await deleteKey(await bucket('maintenance'), nodeToken(node));
  // Last: the metrics service takes it for the sign that the node is gone, and a command that fails is given again.
  const hadState = await deleteKey(await bucket('states'), nodeToken(node));
  if (!hadState && !hadMaintenance && publishers === 0) {
    throw new CannotStart(`nothing is stored of a node ${node}: its name must be the one in its resource addresses`);
  }
  return [`forgot node ${node}: ${hadState ? 'its state' : 'no state'}, ${publishers} publishers`];
}

async function forgetScope(scope: string, broker: NatsConnection, bucket: Open): Promise<string[]> {
  if (await gatewayReports(scope, broker)) {
    throw new CannotStart(`a gateway of the scope ${scope} reports: stop it first`);
  }
  const keys = `${scope}.>`;
  const publishers = await deleteWhere(await bucket('publishers'), keys);
  const subscriptions = await deleteWhere(await bucket('subscriptions'), keys);
  const cursors = await deleteWhere(await bucket('cursors'), keys);
  broker.publish(gatewaySubject(scope), JSON.stringify(lastReport(scope)));
  await broker.flush();
  return [
    `forgot scope ${scope}: ${subscriptions} subscriptions, ${publishers} publishers, ${cursors > 0 ? 'its cursor' : 'no cursor'}`,
  ];
}

/** As of a gateway that leaves, so that its series end. */
const lastReport = (scope: string): GatewayReport => ({
  scope,
  gateway: 'operate',
  isReading: false,
  tailSequence: 0,
  lastSequence: 0,
  subscriptions: 0,
  behind: 0,
  oldestUndeliveredSeconds: 0,
  nodes: 0,
  cursorAgeSeconds: 0,
  isLeaving: true,
});

async function startMaintenance(
  { node, sinceMs, untilMs, reason }: Command & { do: 'start maintenance' },
  bucket: Open,
): Promise<string[]> {
  const value: Maintenance = {
    node,
    since: new Date(sinceMs).toISOString(),
    ...(untilMs !== undefined && { until: new Date(untilMs).toISOString() }),
    ...(reason !== undefined && { reason }),
  };
  const key = nodeToken(node);
  await (await bucket('maintenance')).put(key, JSON.stringify(value));
  return [
    describe(value),
    ...((await isUnknown(key, bucket)) ? [`no state is stored of a node ${node}: is that its name?`] : []),
  ];
}

/** Whether nothing was ever stored of a node; who may not read it does not know. */
async function isUnknown(key: string, bucket: Open): Promise<boolean> {
  try {
    return (await (await bucket('states')).get(key))?.operation !== 'PUT';
  } catch {
    return false;
  }
}

async function listMaintenance(bucket: KV): Promise<string[]> {
  const lines: string[] = [];
  for (const key of await keysOf(bucket, '>')) {
    const entry = await bucket.get(key);
    if (entry?.operation !== 'PUT' || !isNodeToken(key)) continue;
    lines.push(describe({ ...readValue(entry.string()), node: nodeOfToken(key) }));
  }
  return lines.length > 0 ? lines : ['nobody works on any node'];
}

const describe = ({ node, since, until, reason }: Partial<Maintenance>): string =>
  [`${node}: maintenance since ${since ?? '?'}`, until && `until ${until}`, reason && `(${reason})`]
    .filter(Boolean)
    .join(' ');

/** Deletes the keys whose values are to go; gives how many. */
async function deleteWhere(
  bucket: KV,
  filter: string,
  isToGo: (value: Record<string, unknown>) => boolean = () => true,
): Promise<number> {
  let deleted = 0;
  for (const key of await keysOf(bucket, filter)) {
    const entry = await bucket.get(key);
    if (entry?.operation !== 'PUT' || !isToGo(readValue(entry.string()))) continue;
    await bucket.delete(key);
    deleted += 1;
  }
  return deleted;
}

/** Deletes a key; tells whether it had a value. The deletion is stored in either case: who watches may have missed one. */
async function deleteKey(bucket: KV, key: string): Promise<boolean> {
  const entry = await bucket.get(key);
  await bucket.delete(key);
  return entry?.operation === 'PUT';
}

async function keysOf(bucket: KV, filter: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of await bucket.keys(filter)) keys.push(key);
  return keys;
}

/** What is no JSON object has nothing in it. */
function readValue(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

const isOfNode = ({ node }: Record<string, unknown>, name: string): boolean => node === name;

/** Asks all collectors, as the metrics service does. */
async function collectorAnswers(node: string, broker: NatsConnection): Promise<boolean> {
  let answers = false;
  const inbox = createInbox();
  broker.subscribe(inbox, {
    callback(err, message) {
      const { metadata } = err === null ? readValue(message.string()) : {};
      if ((metadata as { node?: unknown } | undefined)?.node === node) answers = true;
    },
  });
  broker.publish(`$SRV.PING.${bus.services.collector}`, '', { reply: inbox });
  await broker.flush();
  await pause(ANSWER_MS);
  return answers;
}

async function gatewayReports(scope: string, broker: NatsConnection): Promise<boolean> {
  let reports = false;
  broker.subscribe(gatewaySubject(scope), {
    callback(err, message) {
      // The last words of one that leaves are no sign of life.
      if (err === null && readValue(message.string())['isLeaving'] !== true) reports = true;
    },
  });
  await broker.flush();
  for (let waitedMs = 0; waitedMs < REPORT_MS && !reports; waitedMs += 100) await pause(100);
  return reports;
}
