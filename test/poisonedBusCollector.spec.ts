import { jetstreamManager, DiscardPolicy, type JetStreamManager, type StreamConfig } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import fc from 'fast-check';
import { isBelievableSequence } from '../services/shared/believable.js';
import { bus } from '../services/shared/contract/bus.js';
import { createLog } from '../services/shared/log.js';
import { parseMessage } from '../services/shared/messageChecks.js';
import type { NodeState } from '../services/shared/messages.js';
import {
  canarySubject,
  eventSubject,
  gatewaySubject,
  latencySubject,
  nodeToken,
  receiptsSubject,
} from '../services/shared/subjects.js';
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
  STALLED,
  startPoisoner,
  type Poisoner,
} from './support/poison.js';

const LOCK_STATE = bus.resources.lockState.path;
const SUBJECT = eventSubject(NODE, LOCK_STATE);
const SUBJECTS = Object.values(bus.resources).map(({ path }) => eventSubject(NODE, path));
const KEY = keySubject('states', nodeToken(NODE));
const NO_HEADERS = 'NATS/1.0\r\n\r\n';
const OFFSET = (ns: number): string => `ptp4l[81021.120]: [ptp4l.0.config] master offset ${ns} s2 freq -5 path delay 3`;

interface Told {
  sequence: string;
  data: { values: { value: string }[] };
}

describe('a poisoned bus, of which a collector and the metrics service read', () => {
  let broker: Broker;
  let connection: NatsConnection;
  let jsm: JetStreamManager;
  let poisoner: Poisoner;
  let files: NodeFiles;
  let clock: FakeClock;
  let collector: TestCollector;
  let daemon: Daemon;
  let metrics: TestMetrics;
  let changes: number;
  let warnings: { msg: string; what?: string }[];

  const startsAt = new Date().toISOString();
  const log = createLog('collector', 'warn', { write: (text) => void warnings.push(JSON.parse(text)) });

  async function startCollector(): Promise<void> {
    warnings = [];
    collector = await startTestCollector(broker.url, files, { clock, log });
    daemon = await collector.connect();
  }

  beforeEach(async () => {
    changes = 0;
    broker = await startBroker();
    connection = await connect({ servers: broker.url });
    jsm = await jetstreamManager(connection);
    poisoner = await startPoisoner(broker.url);
    files = new NodeFiles();
    clock = new FakeClock({ startsAt });
    await startCollector();
    metrics = await startTestMetrics(broker.url, { clock: new FakeClock({ startsAt }) });
  });
  afterEach(async () => {
    await metrics.stop();
    await collector.stop();
    files.remove();
    poisoner.close();
    await connection.close();
    await broker.close();
  });

  const lastEvent = async (): Promise<Told | undefined> =>
    (await jsm.direct.getMessage(bus.streams.events, { last_by_subj: SUBJECT }))?.json<Told>();
  const saved = async (): Promise<NodeState> => {
    const value = await jsm.direct.getMessage(`KV_${bus.buckets.states}`, { last_by_subj: KEY });
    return parseMessage('NodeState', value?.data ?? '');
  };

  /** The next state of the clock, which is another one than before, as an offset that nothing else has. */
  const nextOffset = (): number => {
    changes += 1;
    return changes % 2 === 1 ? changes : 5_000 + changes;
  };
  /** Of the newest change. */
  const word = (): string => (changes % 2 === 1 ? 'LOCKED' : 'FREERUN');

  /** What a line tells is on the stream, and written down. */
  async function changeArrives(): Promise<Told> {
    const ns = nextOffset();
    await collector.feed(daemon, OFFSET(ns));
    const event = await eventually(async () => {
      const last = await lastEvent();
      return last?.data.values[1]?.value === String(ns) ? last : undefined;
    });
    expect(event.data.values[0]?.value).toBe(word());
    await eventually(async () => lockStateOf(await saved())?.lastEvent?.sequence === event.sequence);
    return event;
  }

  /** And in the series, while the time of the metrics service goes on. */
  const isShown = (): Promise<boolean> =>
    eventually(async () => {
      metrics.clock.advance({ seconds: 1 });
      const series = await metrics.scrape('ptp_state');
      return series.get(`ptp_state{node="${NODE}",resource="${LOCK_STATE}",state="${word()}"}`) === 1;
    });

  async function restart(poison: () => Promise<unknown>): Promise<void> {
    await collector.stop();
    await poison();
    await startCollector();
  }

  async function countOf(name: string, of: TestCollector | TestMetrics = collector): Promise<number> {
    const lines = (await of.deps.registry.metrics()).split('\n').filter((line) => line.startsWith(name));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }
  const unreadable = (what = ''): Promise<number> =>
    countOf(`ptp_collector_unreadable_total${what && `{what="${what}"}`}`);
  const told = (): string[] =>
    warnings.filter(({ msg }) => msg.startsWith('what was remembered')).map(({ what }) => what ?? '');

  const others = async (): Promise<string[]> => {
    const state = await saved();
    const resources = (one: object): string =>
      JSON.stringify({ ...state, resources: state.resources.map((resource) => ({ ...resource, ...one })) });
    return [
      JSON.stringify({ ...state, node: 'another.example.com' }),
      JSON.stringify({ ...state, resources: 7 }),
      JSON.stringify({ ...state, resources: [null] }),
      JSON.stringify({ ...state, ports: [{ config: 1 }] }),
      JSON.stringify([state]),
      resources({ clocks: null, data: null }),
      resources({ clocks: [{}] }),
      resources({ lastEvent: { id: 1, time: 'x', sequence: 7 } }),
    ];
  };

  const valueWith = async (sequence: string): Promise<string> => {
    const state = await saved();
    const resources = state.resources.map((one) => ({
      ...one,
      ...(one.lastEvent && { lastEvent: { ...one.lastEvent, sequence } }),
    }));
    return JSON.stringify({ ...state, resources });
  };

  const update = async (change: Partial<StreamConfig>): Promise<void> =>
    void (await jsm.streams.update(bus.streams.events, change));

  /** The newest state arrives after `mend`, and nothing that was never a state. */
  async function newestArrives(mend: () => Promise<unknown>): Promise<void> {
    const before = changes;
    for (let i = 0; i < 6; i += 1) await collector.feed(daemon, OFFSET(nextOffset()));
    await eventually(async () => (await countOf('ptp_collector_publish_failures_total')) > 0);
    clock.advance({ seconds: 400 });
    await mend();
    await eventually(async () => {
      clock.advance({ seconds: 5 });
      return (await lastEvent())?.data.values[1]?.value === String(5_000 + changes);
    });
    expect(await countOf('ptp_collector_events_dropped_total{reason="refused"}')).toBe(0);
    const seen: number[] = [];
    const { state } = await jsm.streams.info(bus.streams.events);
    for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
      const message = await jsm.streams.getMessage(bus.streams.events, { seq });
      if (message?.subject === SUBJECT) seen.push(Number(message.json<Told>().data.values[1]?.value) % 1_000);
    }
    expect(seen.filter((n) => n > before)).toEqual([1, 2, 3, 4, 5, 6].map((n) => before + n));
    await changeArrives();
    await isShown();
  }

  it('a value of ptp_states that is none is nothing remembered: told once, counted, overwritten', async () => {
    await changeArrives();
    for (const value of [...POISONED_VALUES, ...(await others())]) {
      await restart(() => poisoner.publish(KEY, NO_HEADERS, value));
      expect([await unreadable('state'), told()]).toEqual([1, ['state']]);
      await changeArrives();
    }
    await isShown();
  });

  it.each(['DEL', 'PURGE'])('a key of ptp_states that was deleted (%s) is nothing remembered', async (operation) => {
    await changeArrives();
    await restart(() => poisoner.publish(KEY, `NATS/1.0\r\nKV-Operation: ${operation}\r\n\r\n`));
    expect(await unreadable()).toBe(0);
    await changeArrives();
    await isShown();
  });

  it('an operation that is none deletes nothing', async () => {
    const { sequence } = await changeArrives();
    const value = JSON.stringify(await saved());
    await restart(async () => {
      await poisoner.publish(KEY, 'NATS/1.0\r\nKV-Operation: X\r\n\r\n', value);
      // The value alone knows how far it was.
      await jsm.streams.purge(bus.streams.events, { filter: SUBJECT });
    });
    expect(Number((await changeArrives()).sequence)).toBe(Number(sequence) + 1);
  });

  it('headers that look like a status, or cannot be read, silence nobody', async () => {
    let stalled = 0;
    connection.subscribe(STALLED, { callback: () => void (stalled += 1) });
    await changeArrives();
    for (const [, block] of POISONED_HEADERS) {
      const value = JSON.stringify(await saved());
      await restart(async () => {
        for (const subject of [...SUBJECTS, canarySubject(NODE)]) await poisoner.publish(subject, block);
        await poisoner.publish(KEY, block, value);
      });
      expect([await unreadable('state'), await unreadable('last_event')]).toEqual([0, SUBJECTS.length]);
      await changeArrives();
      await restart(() => poisoner.publish(KEY, block));
      expect(told()).toContain('state');
      await changeArrives();
    }
    // While it runs, too.
    for (const [, block] of POISONED_HEADERS) {
      for (const subject of [...SUBJECTS, canarySubject(NODE), KEY]) await poisoner.publish(subject, block);
    }
    await poisoner.directGet(bus.streams.events, SUBJECT);
    await poisoner.directGet(`KV_${bus.buckets.states}`, KEY);
    await changeArrives();
    await isShown();
    expect(stalled).toBe(0);
  });

  it('a header Ptp-Clock that is none is no clock', async () => {
    await changeArrives();
    const [clockOfIt] = lockStateOf(await saved())?.clocks ?? [];
    const changed = (more: object): string => JSON.stringify({ ...clockOfIt, ...more });
    const headers = [
      ...POISONED_VALUES.filter((value) => value !== '' && !value.startsWith('\u0000')),
      changed({ process: 'x' }),
      changed({ config: 'a b' }),
      changed({ config: '' }),
      changed({ interface: 'x'.repeat(1_000) }),
      changed({ device: 'a b' }),
      changed({ state: 'LOCKEDX' }),
      changed({ state: '__proto__' }),
      changed({ lock: 'X' }),
      changed({ since: 'yesterday' }),
      changed({ since: 7 }),
      changed({ offset: {} }),
      changed({ offset: 'NaN' }),
      changed({ holdoverEndsMs: '1' }),
      `${changed({})}x`,
    ];
    for (const header of headers) {
      const event = JSON.stringify(await lastEvent());
      await restart(async () => {
        await poisoner.publish(SUBJECT, `NATS/1.0\r\nPtp-Clock: ${header}\r\n\r\n`, event);
        await jsm.streams.purge(`KV_${bus.buckets.states}`, { filter: KEY });
      });
      expect([header.slice(0, 200), await unreadable(), told()]).toEqual([header.slice(0, 200), 1, ['clock']]);
      await changeArrives();
    }
    await isShown();
  });

  it('a sequence that is nobody’s is not gone on from: numbers rise above what consumers have had', async () => {
    let highest = Number((await changeArrives()).sequence);
    const rises = async (): Promise<void> => {
      const { sequence } = await changeArrives();
      expect(isBelievableSequence(sequence, Date.now())).toBe(true);
      expect(Number(sequence)).toBeGreaterThan(highest);
      highest = Number(sequence);
    };
    for (const sequence of [...POISONED_SEQUENCES, '0x10', '', ' 1', '1.5', 'Infinity']) {
      const event = JSON.stringify({ ...(await lastEvent()), sequence });
      await restart(() => poisoner.publish(SUBJECT, NO_HEADERS, event));
      expect(told()).toContain('last_event');
      await rises();
      await restart(async () => poisoner.publish(KEY, NO_HEADERS, await valueWith(sequence)));
      expect(told()).toContain('state');
      await rises();
      // Both: nothing tells how far it was.
      await restart(async () => {
        await poisoner.publish(SUBJECT, NO_HEADERS, event);
        await poisoner.publish(KEY, NO_HEADERS, await valueWith(sequence));
      });
      await rises();
      // While it runs: it goes on from its own.
      await poisoner.publish(SUBJECT, NO_HEADERS, event);
      await rises();
    }
    await isShown();
  });

  it('receipts, reports, records and questions that are none are counted and passed over', async () => {
    await changeArrives();
    const subjects = [receiptsSubject(NODE), gatewaySubject('cluster'), latencySubject(NODE)];
    const query = `${bus.subjects.query}.${nodeToken(NODE)}`;
    for (const subject of [...subjects, `${query}.x`, `${query}.${'a.'.repeat(50)}b`]) {
      for (const value of POISONED_VALUES) await poisoner.publish(subject, NO_HEADERS, value);
      for (const [, block] of POISONED_HEADERS) await poisoner.publish(subject, block);
    }
    const count = POISONED_VALUES.length + POISONED_HEADERS.length;
    await eventually(async () => (await countOf('ptp_collector_receipts_total{outcome="malformed"}')) === count);
    await eventually(async () => (await countOf('ptp_collector_receipts_total{outcome="malformed_report"}')) === count);
    const malformed = 'ptp_metrics_records_total{outcome="malformed"}';
    await eventually(async () => ((await metrics.scrape()).get(malformed) ?? 0) >= 2 * count);
    await changeArrives();
    await isShown();
  });

  describe('a log that takes nothing', () => {
    beforeEach(async () => {
      await changeArrives();
      await changeArrives();
    });

    it('full of messages', async () => {
      const { state } = await jsm.streams.info(bus.streams.events);
      await update({ max_msgs: state.messages, discard: DiscardPolicy.New });
      await newestArrives(() => update({ max_msgs: -1, discard: DiscardPolicy.Old }));
    });

    it('full of bytes', async () => {
      const { state } = await jsm.streams.info(bus.streams.events);
      await update({ max_bytes: state.bytes, discard: DiscardPolicy.New });
      await newestArrives(() => update({ max_bytes: 64 * 1024 * 1024, discard: DiscardPolicy.Old }));
    });

    it('of a smaller message size', async () => {
      await update({ max_msg_size: 64 });
      await newestArrives(() => update({ max_msg_size: 65_536 }));
    });

    it('sealed, and made anew', async () => {
      await update({ sealed: true });
      await newestArrives(() => jsm.streams.delete(bus.streams.events));
    });
  });

  it('whatever stands in ptp_states and in the last events, a collector starts and goes on', async () => {
    await changeArrives();
    const event = await lastEvent();
    const state = await saved();
    const [clockOfIt] = lockStateOf(state)?.clocks ?? [];
    const any = fc.oneof(fc.json(), fc.string(), fc.constant(''));
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(any, spoilt(state)),
        fc.oneof(any, spoilt(event)),
        line(fc.oneof(any, spoilt(clockOfIt))),
        async (value, body, header) => {
          await restart(async () => {
            await poisoner.publish(KEY, NO_HEADERS, value);
            await poisoner.publish(SUBJECT, `NATS/1.0\r\nPtp-Clock: ${header}\r\n\r\n`, body);
          });
          await changeArrives();
        },
      ),
      { numRuns: 40, endOnFailure: true },
    );
    await isShown();
  });
});

const lockStateOf = ({ resources }: NodeState): NodeState['resources'][0] | undefined =>
  resources.find(({ resource }) => resource === LOCK_STATE);

/** One member, however deep, that is something else. */
const spoilt = (message: unknown): fc.Arbitrary<string> => {
  const places = placesIn(message);
  return fc
    .tuple(fc.constantFrom(...places), fc.jsonValue())
    .map(([place, value]) => JSON.stringify(withAnother(message, place, value)));
};

const line = (texts: fc.Arbitrary<string>): fc.Arbitrary<string> => texts.map((text) => text.replaceAll(/[\r\n]/g, ''));

type Place = readonly (string | number)[];

function placesIn(value: unknown): Place[] {
  if (typeof value !== 'object' || value === null) return [[]];
  return [[], ...Object.entries(value).flatMap(([key, one]) => placesIn(one).map((place) => [key, ...place]))];
}

function withAnother(value: unknown, [key, ...rest]: Place, other: unknown): unknown {
  if (key === undefined) return other;
  if (Array.isArray(value)) return value.map((one, i) => (String(i) === key ? withAnother(one, rest, other) : one));
  const members = value as Record<string, unknown>;
  return { ...members, [key]: withAnother(members[key], rest, other) };
}
