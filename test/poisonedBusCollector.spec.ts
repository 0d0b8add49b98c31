import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import fc from 'fast-check';
import type { NodeState } from '../services/shared/messages.js';
import { BELIEVED_AHEAD_MS } from '../services/shared/believable.js';
import { bus } from '../services/shared/contract/bus.js';
import { decodeEvent, type PtpEvent } from '../services/shared/event.js';
import { parseMessage } from '../services/shared/messageChecks.js';
import {
  eventSubject,
  gatewaySubject,
  latencySubject,
  nodeToken,
  querySubject,
  receiptsSubject,
  resourceAddress,
} from '../services/shared/subjects.js';
import { wantedStreams } from '../services/shared/streams.js';
import { startBroker, type Broker } from './support/broker.js';
import { NODE, NodeFiles, startTestCollector, type TestCollector } from './support/collector.js';
import type { Daemon } from './support/daemon.js';
import { eventually } from './support/eventually.js';
import { FakeClock } from './support/fakeClock.js';
import { startTestMetrics, type TestMetrics } from './support/metrics.js';
import {
  keySubject,
  POISONED_HEADERS,
  POISONED_SEQUENCES,
  POISONED_VALUES,
  startPoisoner,
  type Poisoner,
} from './support/poison.js';

const { path, type } = bus.resources.lockState;
const SUBJECT = eventSubject(NODE, path);
const KEY = nodeToken(NODE);
const PLAIN = 'NATS/1.0\r\n\r\n';
const STREAM = bus.streams.events;
const BUCKET = `KV_${bus.buckets.states}`;
const offset = (ns: number): string => `ptp4l[1.1]: [ptp4l.0.config] master offset ${ns} s2 freq -5 path delay 3`;

let broker: Broker;
let files: NodeFiles;
let clock: FakeClock;
let collector: TestCollector;
let daemon: Daemon;
let client: NatsConnection;
let jsm: JetStreamManager;
let poisoner: Poisoner;
let changes: number;

async function start(settings?: string, prepare = async (): Promise<void> => undefined): Promise<void> {
  broker = await startBroker(settings);
  client = await connect({ servers: broker.url });
  jsm = await jetstreamManager(client);
  await prepare();
  files = new NodeFiles();
  clock = new FakeClock({ startsAt: new Date().toISOString() });
  changes = 0;
  await startCollector();
  poisoner = await startPoisoner(broker.url);
}

async function startCollector(): Promise<void> {
  collector = await startTestCollector(broker.url, files, { clock });
  daemon = await collector.connect();
}

afterEach(async () => {
  poisoner.close();
  await client.close();
  await collector.stop();
  files.remove();
  await broker.close();
});

const restart = async (): Promise<void> => {
  await collector.stop();
  await startCollector();
};

/** FREERUN and LOCKED in turn, with an offset that tells each from all others. */
const nextLine = (): string => offset((changes += 1) % 2 === 1 ? 100_000 + changes : -(changes % 90));

async function lastEvent(): Promise<PtpEvent | undefined> {
  const message = await jsm.direct.getMessage(STREAM, { last_by_subj: SUBJECT });
  if (message === null) return undefined;
  try {
    return decodeEvent(message.data, resourceAddress(NODE, path));
  } catch {
    return undefined;
  }
}

/** A change of the node is on the stream, with a sequence that everybody believes. */
async function changeIsStored(): Promise<PtpEvent> {
  const line = nextLine();
  await collector.feed(daemon, line);
  return isStored();
}

async function isStored(): Promise<PtpEvent> {
  const wanted = String(changes % 2 === 1 ? 100_000 + changes : -(changes % 90));
  const event = await eventually(async () => {
    const last = await lastEvent();
    return last?.data.values[1]?.value === wanted ? last : undefined;
  });
  expect(event.data.values[0]?.value).toBe(changes % 2 === 1 ? 'FREERUN' : 'LOCKED');
  expect(Number(event.sequence)).toBeLessThanOrEqual(clock.now() + BELIEVED_AHEAD_MS);
  return event;
}

const count = async (name: string, labels: Record<string, string> = {}): Promise<number> => {
  const { values } = (await collector.deps.registry.getSingleMetric(name)?.get()) ?? { values: [] };
  const wanted = values.filter((one) => Object.entries(labels).every(([key, value]) => one.labels[key] === value));
  return wanted.reduce((sum, { value }) => sum + value, 0);
};
const unreadable = (what: string): Promise<number> => count('ptp_collector_unreadable_total', { what });

async function savedState(): Promise<NodeState> {
  const states = await new Kvm(jsm.jetstream()).open(bus.buckets.states, { allow_direct: true });
  return parseMessage('NodeState', (await states.get(KEY))?.value ?? '');
}

/** A collector that is started then goes on; the value is overwritten with the change. */
async function goesOn(): Promise<void> {
  await restart();
  await changeIsStored();
  await eventually(async () => (await savedState()).node === NODE);
}

const changeStream = async (settings: object): Promise<void> => {
  await jsm.streams.update(STREAM, settings);
};

/** It says no, and however often it has, the newest state is on the stream once it does not any more. */
async function waits(mend: () => Promise<unknown>): Promise<void> {
  await collector.feed(daemon, nextLine());
  for (let i = 0; i < 5; i += 1) {
    clock.advance({ seconds: 10 });
    await client.flush();
  }
  expect(await count('ptp_collector_outbox_events')).toBeGreaterThan(0);
  await mend();
  await eventually(async () => {
    clock.advance({ seconds: 5 });
    return (await count('ptp_collector_outbox_events')) === 0;
  });
  await isStored();
  expect(await count('ptp_collector_events_dropped_total')).toBe(0);
}

/** An account whose space is shared with others: nothing of it is kept free for the events. */
const ACCOUNT = `
  accounts: { ptp: { users: [{ user: u, password: p }], jetstream: { max_file: 4M, max_mem: 1G } } }
  no_auth_user: u`;

async function makeStreams(): Promise<void> {
  for (const wanted of wantedStreams({ replicas: 1, eventsMaxBytes: 2 ** 20 })) {
    await jsm.streams.add({ ...wanted, max_bytes: -1 });
  }
  await jsm.streams.add({ name: 'OTHERS', subjects: ['others'] });
}

const series = (word: string): string => `ptp_state{node="${NODE}",resource="${path}",state="${word}"}`;

describe('a collector on a poisoned bus', () => {
  beforeEach(() => start());

  it('takes a value of its state that is none for nothing remembered, and overwrites it', async () => {
    await changeIsStored();
    await eventually(savedState);
    const good = await savedState();
    const withClock = (more: object): string =>
      JSON.stringify({
        ...good,
        resources: good.resources.map((one) => ({
          ...one,
          clocks: one.clocks.map((known) => ({ ...known, ...more })),
        })),
      });
    const shapes = [
      ...POISONED_VALUES,
      JSON.stringify({ ...good, node: 'another' }),
      JSON.stringify({ ...good, ports: null, resources: [null] }),
      JSON.stringify({ ...good, resources: {} }),
      JSON.stringify({ ...good, ports: [7] }),
      withClock({ state: 7 }),
      withClock({ since: 'yesterday' }),
    ];
    for (const value of shapes) {
      const before = await unreadable('state');
      await collector.stop();
      await poisoner.publish(keySubject('states', KEY), PLAIN, value);
      await startCollector();
      expect(before + (await unreadable('state'))).toBeGreaterThan(0);
      await changeIsStored();
      await eventually(savedState);
    }
    for (const [more, isForgotten] of [
      [{ state: 'EVIL' }, true],
      [{ process: 'evil' }, true],
      [{ config: 'a b\n' }, true],
    ] as const) {
      await collector.stop();
      await poisoner.publish(keySubject('states', KEY), PLAIN, withClock(more));
      await startCollector();
      expect((await unreadable('clock')) > 0).toBe(isForgotten);
      await changeIsStored();
    }
    const events = await jsm.streams.info(STREAM, { subjects_filter: '>' });
    expect(Object.keys(events.state.subjects ?? {})).toHaveLength(2);
  });

  it('takes a deleted key for nothing remembered', async () => {
    await changeIsStored();
    const states = await new Kvm(jsm.jetstream()).open(bus.buckets.states, { allow_direct: true });
    await states.delete(KEY);
    await goesOn();
    await poisoner.publish(keySubject('states', KEY), 'NATS/1.0\r\nKV-Operation: PURGE\r\n\r\n');
    await goesOn();
  });

  it('remembers a value whose operation is none: it deletes nothing', async () => {
    const { sequence } = await changeIsStored();
    const value = await eventually(async () => {
      const saved = await savedState();
      return saved.resources.length > 0 ? JSON.stringify(saved) : undefined;
    });
    await collector.stop();
    await poisoner.publish(keySubject('states', KEY), 'NATS/1.0\r\nKV-Operation: X\r\n\r\n', value);
    // Now the value alone tells how far it was.
    await jsm.streams.purge(STREAM, { filter: SUBJECT });
    await startCollector();
    expect((await changeIsStored()).sequence).toBe(String(Number(sequence) + 1));
  });

  it('reads what is stored with the headers of a status', async () => {
    await changeIsStored();
    for (const [, block] of POISONED_HEADERS) {
      await poisoner.publish(SUBJECT, block);
      await poisoner.publish(keySubject('states', KEY), block);
      await goesOn();
      await poisoner.publish(SUBJECT, block, 'body');
      await poisoner.publish(keySubject('states', KEY), block, 'body');
      await goesOn();
    }
    expect(await unreadable('last_event')).toBe(1);
  });

  it('goes on counting where the last event is none, and above all that was there before', async () => {
    const first = await changeIsStored();
    for (const value of [...POISONED_VALUES, JSON.stringify({ ...first, source: '/cluster/node/another' })]) {
      const before = await lastEvent();
      await collector.stop();
      // As of a collector that was killed before it wrote the state down.
      await jsm.streams.purge(BUCKET);
      await poisoner.publish(SUBJECT, PLAIN, value);
      await startCollector();
      const next = await changeIsStored();
      expect(Number(next.sequence)).toBeGreaterThan(Number(before?.sequence));
    }
  });

  it('believes no sequence that is nobody’s, neither of the last event nor of its state', async () => {
    let before = Number((await changeIsStored()).sequence);
    for (const sequence of POISONED_SEQUENCES) {
      const event = await lastEvent();
      const state = await eventually(savedState);
      await collector.stop();
      const poisoned = { specversion: '1.0', ...event, type, sequence };
      await poisoner.publish(SUBJECT, PLAIN, JSON.stringify(poisoned));
      const resources = state.resources.map((one) => ({
        ...one,
        ...(one.lastEvent && { lastEvent: { ...one.lastEvent, sequence } }),
      }));
      await poisoner.publish(keySubject('states', KEY), PLAIN, JSON.stringify({ ...state, resources }));
      await startCollector();
      const next = Number((await changeIsStored()).sequence);
      expect(next).toBeGreaterThan(before);
      before = next;
    }
  });

  it('goes on counting with a clock that was set back by years', async () => {
    const before = Number((await changeIsStored()).sequence);
    await collector.stop();
    clock.stepWallClock(-40 * 365 * 86_400_000);
    await startCollector();
    await collector.feed(daemon, nextLine());
    const event = await eventually(async () => {
      const last = await lastEvent();
      return Number(last?.sequence) > before ? last : undefined;
    });
    expect(Number(event.sequence)).toBe(before + 1);
  });

  it('is not held up by the clock in the header of its last event', async () => {
    const good = await changeIsStored();
    const headers = [
      ...POISONED_VALUES.filter((value) => value !== '' && !value.includes('\u0000')),
      '{"config":1,"process":2,"interface":3,"state":4,"since":5}',
      '{"config":"a b","process":"x","interface":"","address":"","state":"EVIL","since":"2026-01-01T00:00:00Z","confirmed":true}',
    ];
    let event: PtpEvent = good;
    for (const header of headers) {
      await collector.stop();
      const sequence = String(Number(event.sequence) + 1);
      const block = `NATS/1.0\r\n${bus.headers.clock}: ${header}\r\n\r\n`;
      await poisoner.publish(SUBJECT, block, JSON.stringify({ specversion: '1.0', ...event, id: sequence, sequence }));
      await startCollector();
      expect(await unreadable('clock')).toBe(1);
      const next = await changeIsStored();
      expect(Number(next.sequence)).toBeGreaterThan(Number(sequence));
      event = next;
    }
  });

  it('goes on whatever its value, its last event and its header are', async () => {
    await changeIsStored();
    const good = await eventually(savedState);
    const near = fc.oneof(
      fc.json(),
      fc
        .tuple(fc.constantFrom(...Object.keys(good)), fc.jsonValue())
        .map(([member, value]) => JSON.stringify({ ...good, [member]: value })),
      fc
        .tuple(
          fc.constantFrom('config', 'process', 'interface', 'state', 'since', 'holdoverEndsMs', 'offset'),
          fc.jsonValue(),
        )
        .map(([member, value]) => {
          const resources = good.resources.map((one) => ({
            ...one,
            clocks: one.clocks.map((known) => ({ ...known, [member]: value })),
          }));
          return JSON.stringify({ ...good, resources });
        }),
    );
    const header = fc.json().filter((text) => !/[\r\n]/.test(text));
    await fc.assert(
      fc.asyncProperty(near, near, header, fc.boolean(), async (value, body, clockHeader, isEvent) => {
        const last = await lastEvent();
        const event = JSON.stringify({ specversion: '1.0', ...last, sequence: String(Number(last?.sequence) + 1) });
        await poisoner.publish(keySubject('states', KEY), PLAIN, value);
        const block = `NATS/1.0\r\n${bus.headers.clock}: ${clockHeader}\r\n\r\n`;
        await poisoner.publish(SUBJECT, block, isEvent ? event : body);
        await restart();
        await changeIsStored();
        for (const subject of Object.keys(
          (await jsm.streams.info(STREAM, { subjects_filter: '>' })).state.subjects ?? {},
        )) {
          expect(subject.startsWith(`${bus.subjects.events}.${KEY}.`)).toBe(true);
        }
      }),
      { numRuns: 25, endOnFailure: true },
    );
  });

  it('answers no question onto the bus: its own right would write there', async () => {
    await changeIsStored();
    const before = await eventually(savedState);
    const stored = (await jsm.streams.info(STREAM)).state.messages;
    for (const reply of [SUBJECT, keySubject('states', KEY)]) {
      client.publish(querySubject(NODE, path), '', { reply });
    }
    // The one after them is answered.
    await client.request(querySubject(NODE, path), '');
    expect((await jsm.streams.info(STREAM)).state.messages).toBe(stored);
    expect(await savedState()).toEqual(before);
  });

  it('hears receipts and reports that are none, and measures on', async () => {
    for (const subject of [receiptsSubject(NODE), gatewaySubject('cluster')]) {
      for (const value of POISONED_VALUES) await poisoner.publish(subject, PLAIN, value);
      for (const [, block] of POISONED_HEADERS) await poisoner.publish(subject, block, '{}');
    }
    const heard = POISONED_VALUES.length + POISONED_HEADERS.length;
    for (const outcome of ['malformed', 'malformed_report']) {
      await eventually(async () => (await count('ptp_collector_receipts_total', { outcome })) === heard);
    }
    await changeIsStored();
  });
});

describe('a collector whose broker does not take its events', () => {
  beforeEach(() => start());

  it('keeps them while the stream takes shorter messages only', async () => {
    await changeIsStored();
    const { max_msg_size } = (await jsm.streams.info(STREAM)).config;
    await changeStream({ max_msg_size: 64 });
    await waits(() => changeStream({ max_msg_size }));
  });

  it.each([
    ['messages', { max_msgs: 2 }],
    ['bytes', { max_bytes: 1 }],
  ])('keeps them while the stream is full of %s', async (_, limits) => {
    await changeIsStored();
    const { max_msgs, max_bytes, discard } = (await jsm.streams.info(STREAM)).config;
    await changeStream({ ...limits, discard: 'new' });
    await waits(() => changeStream({ max_msgs, max_bytes, discard }));
  });

  it('keeps them while the stream is sealed', async () => {
    await changeIsStored();
    await changeStream({ sealed: true });
    await waits(() => jsm.streams.delete(STREAM));
  });

  it('keeps them while the stream is not there', async () => {
    await changeIsStored();
    await jsm.streams.delete(STREAM);
    await collector.feed(daemon, nextLine());
    await eventually(async () => {
      clock.advance({ seconds: 5 });
      return (await count('ptp_collector_outbox_events')) === 0;
    });
    await isStored();
    expect(await count('ptp_collector_events_dropped_total')).toBe(0);
  });
});

describe('a collector in an account that others fill', () => {
  beforeEach(() => start(ACCOUNT, makeStreams));

  it('keeps its events until there is room', async () => {
    await changeIsStored();
    // From large to small, until not even an event has room.
    for (const size of [500_000, 20_000, 100]) {
      const fill = (): Promise<boolean> =>
        jsm
          .jetstream()
          .publish('others', 'x'.repeat(size))
          .then(
            () => true,
            () => false,
          );
      while (await fill()) continue;
    }
    await waits(() => jsm.streams.purge('OTHERS'));
  });
});

describe('the metrics service on a poisoned bus', () => {
  let metrics: TestMetrics;
  beforeEach(async () => {
    await start();
    metrics = await startTestMetrics(broker.url);
  });
  afterEach(() => metrics.stop());

  /** A change of the node is in its series. */
  async function changeShows(): Promise<void> {
    await changeIsStored();
    const word = changes % 2 === 1 ? 'FREERUN' : 'LOCKED';
    await eventually(async () => {
      metrics.clock.advance({ seconds: 1 });
      // The collector writes its state behind.
      clock.advance({ seconds: 1 });
      return (await metrics.scrape()).get(series(word)) === 1;
    });
  }

  it('passes over what is none of its messages', async () => {
    await changeShows();
    const subjects = [latencySubject(NODE), gatewaySubject('cluster'), SUBJECT, keySubject('states', KEY)];
    const others = [latencySubject('n2'), keySubject('states', 'a.b'), keySubject('states', '_'), `${SUBJECT}.more`];
    for (const subject of [...subjects, ...others]) {
      for (const value of POISONED_VALUES) await poisoner.publish(subject, PLAIN, value);
      for (const [, block] of POISONED_HEADERS) {
        await poisoner.publish(subject, block);
        await poisoner.publish(subject, block, '{}');
      }
      await changeShows();
    }
    expect((await metrics.scrape()).get('ptp_metrics_records_total{outcome="malformed"}')).toBeGreaterThan(200);
  });

  it('reads the values of others beyond one that looks like a status, at its start and later', async () => {
    await changeIsStored();
    for (const [i, [, block]] of POISONED_HEADERS.entries()) {
      await poisoner.publish(keySubject('states', `a${i}`), block);
      await poisoner.publish(keySubject('states', `b${i}`), block, '{}');
    }
    await metrics.stop();
    metrics = await startTestMetrics(broker.url);
    await changeShows();
  });

  it('believes no sequence that is nobody’s', async () => {
    await changeShows();
    const event = await lastEvent();
    const header = (await jsm.direct.getMessage(STREAM, { last_by_subj: SUBJECT }))?.header.get(bus.headers.clock);
    for (const sequence of POISONED_SEQUENCES) {
      const block = `NATS/1.0\r\n${bus.headers.clock}: ${header}\r\n\r\n`;
      await poisoner.publish(SUBJECT, block, JSON.stringify({ specversion: '1.0', ...event, sequence }));
      await changeShows();
    }
  });
});
