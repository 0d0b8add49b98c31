import { connect } from '@nats-io/transport-node';
import { bus } from '../services/shared/contract/bus.js';
import { querySubject } from '../services/shared/subjects.js';
import { startBroker, type Broker } from './support/broker.js';
import {
  describeEvent,
  inSeconds,
  NODE,
  NodeFiles,
  play,
  readRecording,
  startTestCollector,
  type TestCollector,
  type Thresholds,
} from './support/collector.js';
import { readEventLog } from './support/eventLog.js';
import { eventually } from './support/eventually.js';

const { lockState, osClockSyncState, syncState } = bus.resources;

let broker: Broker;
let files: NodeFiles;
let collector: TestCollector;

beforeEach(async () => {
  broker = await startBroker();
});

afterEach(async () => {
  await collector.stop();
  files.remove();
  await broker.close();
});

async function start(thresholds: Thresholds = {}): Promise<number> {
  files = new NodeFiles(thresholds);
  collector = await startTestCollector(broker.url, files);
  return collector.clock.now();
}

/** What is on the bus once the collector has stopped: SIGTERM drains the outbox. */
async function published(startedAt: number): Promise<Record<string, string[]>> {
  await collector.stop();
  const byResource: Record<string, string[]> = {};
  for (const { path, event } of await readEventLog(broker.url)) {
    (byResource[path] ??= []).push(describeEvent(event, startedAt));
  }
  return byResource;
}

describe('a collector that hears a recording of real linuxptp', () => {
  it('publishes the whole cycle of a lost master: FREERUN, LOCKED, HOLDOVER, FREERUN, LOCKED', async () => {
    const startedAt = await start({ maxOffsetThreshold: 2_000, minOffsetThreshold: -2_000, holdOverTimeout: 5 });
    await play(collector, readRecording('default-profile-takeover.log'));
    expect(await published(startedAt)).toEqual({
      [lockState.path]: [
        'FREERUN(-575) 13.36',
        'LOCKED(-514) 14.36',
        'HOLDOVER(-250) 36.68',
        'FREERUN(-250) 41.68',
        'LOCKED(-446) 61.82',
      ],
      [syncState.path]: ['FREERUN 13.36', 'LOCKED 14.36', 'HOLDOVER 36.68', 'FREERUN 41.68', 'LOCKED 61.82'],
    });
  });

  it('publishes the same with default thresholds as an independent program', async () => {
    const startedAt = await start();
    await play(collector, readRecording('default-profile-takeover.log'));
    expect((await published(startedAt))[lockState.path]).toEqual([
      'FREERUN(-575) 13.36',
      'LOCKED(-9) 19.36',
      'FREERUN(-124) 20.36',
      'LOCKED(63) 24.36',
      'FREERUN(-145) 25.36',
      'LOCKED(-92) 28.36',
      'FREERUN(-250) 29.36',
      'LOCKED(-66) 94.83',
      'FREERUN(1153) 95.83',
    ]);
  });

  it('publishes the OS clock with its steps', async () => {
    const startedAt = await start();
    await play(collector, readRecording('phc2sys-simulated-clocks.log'));
    const states = [
      'FREERUN(240736) 0.00',
      'LOCKED(9) 1.00',
      'FREERUN(50002) 19.46',
      'LOCKED(13) 28.96',
      'FREERUN(-306) 29.46',
      'LOCKED(-34) 32.96',
      'FREERUN(49986) 49.46',
      'LOCKED(17) 58.97',
      'FREERUN(-305) 59.47',
      'LOCKED(-33) 62.98',
    ];
    expect(await published(startedAt)).toEqual({
      [osClockSyncState.path]: states,
      [syncState.path]: states.map((state) => state.replace(/\(.*\)/, '')),
    });
  });

  it('publishes the demo lap, and the next one after a silent restart of ptp4l', async () => {
    const startedAt = await start({
      maxOffsetThreshold: 200_000,
      minOffsetThreshold: -200_000,
      holdOverTimeout: 2,
    });
    const recording = readRecording('offset-lines.log');
    await play(collector, recording, 0);
    const lapMs = (recording.at(-1)?.atMs ?? 0) - (recording[0]?.atMs ?? 0);
    await play(collector, recording);
    const states = (await published(startedAt))[lockState.path] ?? [];
    expect(states.slice(0, 5)).toEqual([
      'FREERUN(-866) 0.82',
      'LOCKED(186) 0.88',
      'HOLDOVER(136) 8.24',
      'FREERUN(136) 10.24',
      'LOCKED(385) 11.23',
    ]);
    const later = states.slice(5).map((state) => state.replace(/ .*/, ''));
    expect(later).toEqual(['HOLDOVER(-158)', 'LOCKED(-1037)', 'HOLDOVER(136)', 'FREERUN(136)', 'LOCKED(385)']);
    expect(states[7]).toBe(`HOLDOVER(136) ${inSeconds(lapMs + 8_240)}`);
  });

  it.each([
    'link-fault-recovery.log',
    'startup-to-lock.log',
    'master-loss.log',
    'boundary-clock.log',
    'boundary-clock-busy-machine.log',
    'phc2sys-simulated-clocks-summary.log',
  ])('invents no state from the summaries of %s', async (name) => {
    await start();
    await play(collector, readRecording(name));
    const daemon = await collector.connect();
    await collector.feed(
      daemon,
      'phc2sys[9000.410]: [ptp4l.0.config] CLOCK_REALTIME phc offset        31 s2 freq  -11020 delay    611',
    );
    await collector.stop();
    const log = await readEventLog(broker.url);
    expect(log.map(({ path, event }) => [path, event.data?.values[0]?.value])).toEqual([
      [osClockSyncState.path, 'LOCKED'],
      [syncState.path, 'LOCKED'],
    ]);
  });

  it('publishes every change of the clock class', async () => {
    const startedAt = await start();
    await play(collector, readRecording('class-lines.log'));
    const classes = (await published(startedAt))[bus.resources.clockClass.path] ?? [];
    expect(classes.map((text) => text.replace(/ .*/, ''))).toEqual(['6', '7', '140', '6']);
  });
});

describe('an event of the collector', () => {
  const line = 'ptp4l[81021.120]: [ptp4l.0.config] master offset         17 s2 freq   -5120 path delay       312';

  it('is a CloudEvent that any client can read', async () => {
    const startedAt = await start();
    await collector.feed(await collector.connect(), line);
    await collector.stop();
    const [first, second] = await readEventLog(broker.url);
    expect(first).toMatchObject({
      subject: 'ptp.events.compute-1_example_com.sync.ptp-status.lock-state',
      messageId: first?.event.id,
    });
    expect(first?.json).toEqual({
      specversion: '1.0',
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      source: `/cluster/node/${NODE}/sync/ptp-status/lock-state`,
      type: 'event.sync.ptp-status.ptp-state-change',
      datacontenttype: 'application/json',
      time: '2026-03-01T12:00:00.000Z',
      sequence: String(startedAt),
      traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/),
      data: {
        version: '1.0',
        values: [
          {
            ResourceAddress: `/cluster/node/${NODE}/ens1fx/master`,
            data_type: 'notification',
            value_type: 'enumeration',
            value: 'LOCKED',
          },
          {
            ResourceAddress: `/cluster/node/${NODE}/ens1fx/master`,
            data_type: 'metric',
            value_type: 'decimal64.3',
            value: '17',
          },
        ],
      },
    });
    expect(second?.event.data?.values[0]?.ResourceAddress).toBe(`/cluster/node/${NODE}/sync/sync-status/sync-state`);
  });
});

const ask = async (path: string) => {
  const client = await connect({ servers: broker.url });
  try {
    const answer = await client.request(querySubject(NODE, path), undefined, { timeout: 2_000 });
    const code = answer.headers?.get('Nats-Service-Error-Code') ?? '';
    return { code, body: code === '' ? answer.json<Record<string, unknown>>() : undefined };
  } finally {
    await client.close();
  }
};

describe('an offset beyond what a double holds', () => {
  it('is published to the last digit, and never in exponent form', async () => {
    await start();
    await collector.feed(
      await collector.connect(),
      'ptp4l[1.1]: [ptp4l.0.config] master offset -1676543210123456789 s0 freq +0 path delay 300',
    );
    await collector.stop();
    const [event] = await readEventLog(broker.url);
    expect(event?.event.data?.values.map(({ value }) => value)).toEqual(['FREERUN', '-1676543210123456789']);
  });
});

describe('the query service', () => {
  it('knows nothing before the first line, and the state as of now afterwards', async () => {
    await start();
    expect(await ask(lockState.path)).toMatchObject({ code: '404' });
    expect(await ask('/sync/no/such')).toMatchObject({ code: '404' });
    const daemon = await collector.connect();
    await collector.feed(
      daemon,
      'ptp4l[81021.120]: [ptp4l.0.config] master offset         17 s2 freq   -5120 path delay       312',
    );
    collector.clock.advance({ seconds: 1 });
    await collector.feed(
      daemon,
      'ptp4l[81022.120]: [ptp4l.0.config] master offset         21 s2 freq   -5120 path delay       312',
    );
    const { body } = await eventually(async () => {
      const answer = await ask(lockState.path);
      return (answer.body?.['state'] as { lastEvent?: object } | undefined)?.lastEvent ? answer : undefined;
    });
    expect(body).toMatchObject({
      asOf: '2026-03-01T12:00:01.000Z',
      vouchedFor: true,
      state: {
        resource: lockState.path,
        type: lockState.type,
        lastEvent: { time: '2026-03-01T12:00:00.000Z' },
        data: { values: [{ value: 'LOCKED' }, { value: '21' }] },
        clocks: [
          {
            config: 'ptp4l.0.config',
            process: 'ptp4l',
            interface: 'ens1f0',
            address: `/cluster/node/${NODE}/ens1fx/master`,
            state: 'LOCKED',
            offset: '21',
            since: '2026-03-01T12:00:00.000Z',
            confirmed: true,
            lastLineAt: '2026-03-01T12:00:01.000Z',
          },
        ],
      },
    });
  });

  it('vouches for nothing that has been silent for too long', async () => {
    await start();
    await collector.feed(
      await collector.connect(),
      'ptp4l[81021.120]: [ptp4l.0.config] master offset         17 s2 freq   -5120 path delay       312',
    );
    collector.clock.advance({ seconds: 29 });
    expect((await ask(lockState.path)).body).toMatchObject({ vouchedFor: true });
    collector.clock.advance({ seconds: 1 });
    for (const path of [lockState.path, syncState.path]) {
      expect((await ask(path)).body).toMatchObject({
        vouchedFor: false,
        reason: 'ptp4l of ens1f0 (ptp4l.0.config) was LOCKED, but has been silent for 30 s',
      });
    }
  });
});
