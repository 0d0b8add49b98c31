import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import fc from 'fast-check';
import { bus } from '../services/shared/contract/bus.js';
import { encodeEvent, makeEvent, type PtpEvent } from '../services/shared/event.js';
import { canarySubject, eventSubject, querySubject } from '../services/shared/subjects.js';
import { startBroker, type Broker } from './support/broker.js';
import { startConsumer, type Consumer } from './support/consumer.js';
import { eventually } from './support/eventually.js';
import { startNode } from './support/node.js';
import {
  keySubject,
  POISONED_HEADERS,
  POISONED_SEQUENCES,
  POISONED_VALUES,
  STALLED,
  startPoisoner,
  type Poisoner,
} from './support/poison.js';
import { startPublisher, type Publisher } from './support/publisher.js';
import { startTestGateway, subscribe, type Gateway } from './support/services.js';

const LOCK_STATE = bus.resources.lockState.path;
const ADDRESS = `/cluster/node/n1${LOCK_STATE}`;
const SUBJECT = eventSubject('n1', LOCK_STATE);
const NO_HEADERS = 'NATS/1.0\r\n\r\n';

describe('a poisoned bus', () => {
  let broker: Broker;
  let consumer: Consumer;
  let publisher: Publisher;
  let connection: NatsConnection;
  let jsm: JetStreamManager;
  let poisoner: Poisoner;
  let gateway: Gateway;
  let changes: number;

  beforeEach(async () => {
    changes = 0;
    broker = await startBroker();
    consumer = await startConsumer();
    gateway = await startTestGateway(broker.url);
    publisher = await startPublisher(broker.url);
    connection = await connect({ servers: broker.url });
    jsm = await jetstreamManager(connection);
    poisoner = await startPoisoner(broker.url);
  });
  afterEach(async () => {
    await gateway.stop();
    poisoner.close();
    await connection.close();
    await publisher.close();
    await consumer.close();
    await broker.close();
  });

  const offsets = (): number[] => consumer.accepted.map(({ event }) => Number(event.data.values[1]?.value));

  /** A node's change reaches its consumer, once. */
  async function changeArrives(): Promise<PtpEvent> {
    changes += 1;
    const n = changes;
    const event = await publisher.lockState('n1', n % 2 === 0 ? 'LOCKED' : 'FREERUN', n);
    await eventually(() => offsets().includes(n));
    expect(offsets()).toEqual(Array.from({ length: n }, (_, i) => i + 1));
    return event;
  }

  async function restart(): Promise<void> {
    await gateway.stop();
    gateway = await startTestGateway(broker.url);
  }

  const unreadable = async (what: string): Promise<number> => {
    const text = await (await fetch(`${gateway.url}/metrics`)).text();
    return Number(new RegExp(`^ptp_gateway_unreadable_total\\{what="${what}"\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
  };
  const json = async (path: string): Promise<unknown> => {
    const answer = await fetch(`${gateway.api}${path}`);
    expect(answer.status).toBe(200);
    return answer.json();
  };

  it('stored messages that look like statuses stop no delivery, and nothing is published for them', async () => {
    let stalled = 0;
    connection.subscribe(STALLED, { callback: () => void (stalled += 1) });
    await connection.flush();
    await subscribe(gateway.api, ADDRESS, consumer.url);
    await changeArrives();
    for (const [, block] of POISONED_HEADERS) {
      await poisoner.publish(SUBJECT, block);
      await poisoner.publish(SUBJECT, block, 'body');
    }
    await poisoner.directGet(bus.streams.events, SUBJECT);
    await poisoner.directGet(`KV_${bus.buckets.states}`, SUBJECT);
    await changeArrives();
    // Over a restart, and read one by one from the log.
    consumer.answer(503);
    await publisher.lockState('n1', 'LOCKED', (changes += 1));
    await eventually(() => consumer.received.length > consumer.accepted.length);
    for (const [, block] of POISONED_HEADERS) await poisoner.publish(SUBJECT, block);
    await restart();
    consumer.answer(204);
    await changeArrives();
    expect(stalled).toBe(0);
    expect(await unreadable('event')).toBeGreaterThan(0);
  });

  it('the same in every bucket, with canaries and among the dead letters', async () => {
    await subscribe(gateway.api, ADDRESS, consumer.url);
    const { id } = ((await json('/subscriptions')) as { id: string }[])[0] ?? { id: '' };
    for (const [i, [, block]] of POISONED_HEADERS.entries()) {
      await poisoner.publish(canarySubject('n1'), block);
      await poisoner.publish(`${bus.subjects.deadLetters}.${id}`, block);
      await poisoner.publish(keySubject('states', `bad${i}`), block);
      await poisoner.publish(keySubject('publishers', `cluster.bad${i}`), block);
      await poisoner.publish(keySubject('subscriptions', `cluster.bad${i}`), block);
    }
    expect(await json(`/subscriptions/${id}/deadletters`)).toEqual([]);
    expect(await json('/publishers')).toEqual([]);
    for (const [i, [, block]] of POISONED_HEADERS.entries()) {
      expect((await fetch(`${gateway.api}/cluster/node/bad${i}${LOCK_STATE}/CurrentState`)).status).toBe(404);
      await poisoner.publish(keySubject('cursors', 'cluster.0'), block);
    }
    await changeArrives();
    await restart();
    await changeArrives();
  });

  it.each(POISONED_HEADERS)('a cursor, a subscription with the headers of %s', async (_, block) => {
    await subscribe(gateway.api, ADDRESS, consumer.url);
    const { id } = ((await json('/subscriptions')) as { id: string }[])[0] ?? { id: '' };
    await changeArrives();
    await gateway.stop();
    await poisoner.publish(keySubject('cursors', 'cluster.0'), block);
    gateway = await startTestGateway(broker.url);
    await poisoner.publish(keySubject('subscriptions', `cluster.${id}`), block);
    // It is made again over what cannot be read.
    expect((await subscribe(gateway.api, ADDRESS, consumer.url)).status).toBe(201);
    const { length } = consumer.accepted;
    await publisher.lockState('n1', 'LOCKED', 99);
    await eventually(() => consumer.accepted.length > length && offsets().at(-1) === 99);
  });

  it('values that are none are nothing remembered', async () => {
    await subscribe(gateway.api, ADDRESS, consumer.url);
    const { id } = ((await json('/subscriptions')) as { id: string }[])[0] ?? { id: '' };
    await startNode(broker.url, 'good', 'LOCKED');
    for (const [i, value] of POISONED_VALUES.entries()) {
      await poisoner.publish(SUBJECT, NO_HEADERS, value);
      await poisoner.publish(canarySubject('n1'), NO_HEADERS, value);
      await poisoner.publish(`${bus.subjects.deadLetters}.${id}`, NO_HEADERS, value);
      await poisoner.publish(keySubject('states', `bad${i}`), NO_HEADERS, value);
      await poisoner.publish(keySubject('publishers', `cluster.bad${i}`), NO_HEADERS, value);
      await poisoner.publish(keySubject('subscriptions', `cluster.bad${i}`), NO_HEADERS, value);
    }
    expect(await json(`/subscriptions/${id}/deadletters`)).toEqual([]);
    const resources = ((await json('/publishers')) as { resource: string }[]).map(({ resource }) => resource);
    expect(resources.every((resource) => resource.startsWith('/cluster/node/good/'))).toBe(true);
    expect(resources).toContain(`/cluster/node/good${LOCK_STATE}`);
    expect((await fetch(`${gateway.api}/cluster/node/bad2${LOCK_STATE}/CurrentState`)).status).toBe(404);
    await changeArrives();
    for (const value of POISONED_VALUES) {
      await gateway.stop();
      await poisoner.publish(keySubject('cursors', 'cluster.0'), NO_HEADERS, value);
      gateway = await startTestGateway(broker.url);
    }
    expect(await unreadable('cursor')).toBe(1);
    expect(await unreadable('subscription')).toBeGreaterThan(0);
    const { length } = consumer.accepted;
    await publisher.lockState('n1', 'LOCKED', 99);
    await eventually(() => consumer.accepted.length > length && offsets().at(-1) === 99);
  });

  it('a cursor is valid only inside the log, and a start too', async () => {
    await subscribe(gateway.api, ADDRESS, consumer.url);
    await changeArrives();
    await gateway.stop();
    const { created } = await jsm.streams.info(bus.streams.events);
    const cursor = { epoch: 'x', n: 1, stream: created, tail: 1e9, subs: {} };
    await poisoner.publish(keySubject('cursors', 'cluster.0'), NO_HEADERS, JSON.stringify(cursor));
    gateway = await startTestGateway(broker.url);
    await publisher.lockState('n1', 'LOCKED', 2);
    await eventually(() => offsets().at(-1) === 2);
  });

  it('answers that are none make a node silent, and its dead-letter list and CurrentState answer', async () => {
    const answers = POISONED_VALUES.map((value) => value);
    connection.subscribe(querySubject('n1', LOCK_STATE), {
      callback: (_, message) => void message.respond(answers.shift() ?? 'null'),
    });
    await connection.flush();
    await subscribe(gateway.api, ADDRESS, consumer.url);
    for (const _ of POISONED_VALUES) {
      expect((await fetch(`${gateway.api}${ADDRESS}/CurrentState`)).status).toBe(503);
    }
    expect(await unreadable('answer')).toBeGreaterThan(0);
    await changeArrives();
  });

  it('sequences that are nobody’s are passed over', async () => {
    await subscribe(gateway.api, ADDRESS, consumer.url);
    const event = await changeArrives();
    for (const sequence of POISONED_SEQUENCES) {
      await publisher.raw(SUBJECT, encodeEvent(makeEvent({ ...event, id: `p${sequence}`, sequence })));
    }
    await changeArrives();
    await restart();
    await changeArrives();
  });

  it('a believable sequence far ahead does not silence its node', async () => {
    await subscribe(gateway.api, ADDRESS, consumer.url);
    const event = await changeArrives();
    const ahead = { ...event, id: 'ahead', sequence: String(Date.now() + 86_400_000), time: new Date().toISOString() };
    await publisher.raw(SUBJECT, encodeEvent(makeEvent(ahead)));
    await eventually(() => consumer.accepted.length === 2);
    await publisher.lockState('n1', 'LOCKED', 2);
    await eventually(() => offsets().at(-1) === 2);
    await publisher.lockState('n1', 'LOCKED', 3);
    await eventually(() => offsets().at(-1) === 3);
  });

  it('an event of the past that is stored again is no news: idle, over a restart, and stored while the gateway was away', async () => {
    await subscribe(gateway.api, ADDRESS, consumer.url);
    const past = [await changeArrives(), await changeArrives()];
    const storeAgain = async (): Promise<void> => {
      for (const event of past) await publisher.raw(SUBJECT, encodeEvent(makeEvent(event)));
    };
    await storeAgain();
    past.push(await changeArrives());
    await storeAgain();
    await eventually(async () => (await unreadable('past event')) === 5);
    await restart();
    await storeAgain();
    past.push(await changeArrives());
    await gateway.stop();
    await storeAgain();
    gateway = await startTestGateway(broker.url);
    await changeArrives();
    expect(await unreadable('past event')).toBe(4);
  });

  it('an event of the past is no news to a subscription that reads it from the log after a restart', async () => {
    await subscribe(gateway.api, '/cluster/node/*/sync', consumer.url);
    const event = await changeArrives();
    consumer.answer(503);
    // More than it holds while its endpoint fails: from then on it finds its events in the log.
    for (let node = 2; node < 100; node += 1) await publisher.lockState(`n${node}`, 'LOCKED', 1_000 + node);
    await publisher.raw(SUBJECT, encodeEvent(makeEvent(event)));
    await eventually(async () => (await unreadable('past event')) === 1);
    await restart();
    await restart();
    consumer.answer(204);
    await eventually(() => consumer.accepted.length >= 99);
    await publisher.lockState('n1', 'LOCKED', 2);
    await eventually(() => offsets().includes(2));
    expect(offsets().filter((offset) => offset === 1)).toEqual([1]);
  });

  it('a stored subscription that starts beyond the log is served, found while serving and after a restart', async () => {
    const id = await storeAgainWith({ start: 2 ** 52 });
    expect(((await (await subscribe(gateway.api, ADDRESS, consumer.url)).json()) as { id: string }).id).toBe(id);
    await changeArrives();
    await gateway.stop();
    // Also what came while nobody served it.
    await publisher.lockState('n1', 'LOCKED', (changes += 1));
    gateway = await startTestGateway(broker.url);
    await changeArrives();
  });

  it('an endpoint with the word null in it is one like any other, and a member that is null makes no subscription', async () => {
    expect((await subscribe(gateway.api, ADDRESS, `${consumer.url}/a:null`)).status).toBe(201);
    await changeArrives();
    await restart();
    await changeArrives();
    const id = await storeAgainWith({ secret: null });
    await restart();
    expect(((await json('/subscriptions')) as { id: string }[]).map((one) => one.id)).not.toContain(id);
    expect(await unreadable('subscription')).toBe(1);
  });

  /** Deletes a subscription and stores it again, with something else in it and with spaces, as somebody else writes JSON. */
  async function storeAgainWith(more: object): Promise<string> {
    const made = (await (await subscribe(gateway.api, ADDRESS, consumer.url)).json()) as {
      id: string;
      uriLocation: string;
    };
    const subject = keySubject('subscriptions', `cluster.${made.id}`);
    const stored = await jsm.direct.getMessage(`KV_${bus.buckets.subscriptions}`, { last_by_subj: subject });
    await fetch(made.uriLocation, { method: 'DELETE' });
    const record = { ...stored?.json<object>(), ...more };
    await poisoner.publish(subject, NO_HEADERS, JSON.stringify(record, null, 2));
    return made.id;
  }

  it('whatever stands in a bucket or a message, a node’s change arrives', async () => {
    await subscribe(gateway.api, ADDRESS, consumer.url);
    const { id } = ((await json('/subscriptions')) as { id: string }[])[0] ?? { id: '' };
    const subjects = [
      SUBJECT,
      canarySubject('n1'),
      `${bus.subjects.deadLetters}.${id}`,
      keySubject('states', 'n1'),
      keySubject('publishers', 'cluster.p1'),
      keySubject('subscriptions', 'cluster.s1'),
    ];
    const header = fc
      .string({ unit: 'binary', maxLength: 40 })
      .map((text) => `NATS/1.0 ${text.replaceAll('\r\n', '')}\r\n\r\n`);
    const body = fc.oneof(fc.json(), fc.string(), fc.constant(''));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...subjects), header, body, (subject, block, text) =>
        poisoner.publish(subject, block, text),
      ),
      { numRuns: 300 },
    );
    await json(`/subscriptions/${id}/deadletters`);
    await json('/publishers');
    await changeArrives();
    await restart();
    await changeArrives();
  });
});
