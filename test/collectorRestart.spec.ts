import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { Kvm } from '@nats-io/kv';
import { bus } from '../services/shared/contract/bus.js';
import type { CurrentState, NodeState } from '../services/shared/messages.js';
import { nodeToken, querySubject } from '../services/shared/subjects.js';
import { startBroker, type Broker } from './support/broker.js';
import { NODE, NodeFiles, startTestCollector, type TestCollector } from './support/collector.js';
import { connectDaemon } from './support/daemon.js';
import { eventually } from './support/eventually.js';
import { readEventLog } from './support/eventLog.js';
import { FakeClock } from './support/fakeClock.js';

const { lockState, osClockSyncState, syncState } = bus.resources;
const SLAVE = 'ptp4l[102.1]: [ptp4l.0.config] port 1: UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED';
const FAULTY = 'ptp4l[110.1]: [ptp4l.0.config] port 1: SLAVE to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)';
const LISTENING =
  'ptp4l[111.1]: [ptp4l.0.config] port 1: UNCALIBRATED to LISTENING on ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES';
const offset = (ns: number, servo = 's2'): string =>
  `ptp4l[81021.120]: [ptp4l.0.config] master offset ${ns} ${servo} freq -5120 path delay 312`;
const osOffset = (ns: number): string =>
  `phc2sys[81021.410]: [ptp4l.0.config] CLOCK_REALTIME phc offset ${ns} s2 freq -11020 delay 611`;
const gnss = (fix: number, state: string): string =>
  `gnss[1]:[ts2phc.0.config] ens1f0 gnss_status ${fix} offset 5 ${state}`;
const eec = (state: string): string =>
  `synce4l[1]:[synce4l.0.config] ens1f0 device synce1 eec_state EEC network_option 1 ${state}`;
const quality = (ql: string): string =>
  `synce4l[1]:[synce4l.0.config] ens1f0 clock_quality PRTC device synce1 ext_ql 0x20 network_option 1 ql ${ql} s2`;
const clockClass = (value: number): string => `ptp4l[1]:[ptp4l.0.config] CLOCK_CLASS_CHANGE ${value}`;

let broker: Broker;
let files: NodeFiles;
let clock: FakeClock;
let collector: TestCollector;

beforeEach(async () => {
  broker = await startBroker();
  files = new NodeFiles();
  clock = new FakeClock();
  collector = await startTestCollector(broker.url, files, { clock });
});

afterEach(async () => {
  await collector.stop();
  files.remove();
  await broker.close();
});

/** One life of the collector: it hears the lines and is stopped. */
async function hear(...lines: string[]): Promise<void> {
  if (lines.length > 0) await collector.feed(await collector.connect(), ...lines);
  await collector.stop();
}

async function restart(): Promise<void> {
  await collector.stop();
  collector = await startTestCollector(broker.url, files, { clock });
}

/** `lock-state LOCKED(17)` for each event on the bus. */
async function eventsOnTheBus(): Promise<string[]> {
  return (await readEventLog(broker.url)).map(({ path, event }) => {
    const [state, ns] = event.data?.values ?? [];
    return `${path.split('/').at(-1)} ${state?.value}${ns ? `(${ns.value})` : ''}`;
  });
}

async function current(path: string): Promise<CurrentState> {
  const client = await connect({ servers: broker.url });
  try {
    return (await client.request(querySubject(NODE, path))).json<CurrentState>();
  } finally {
    await client.close();
  }
}

async function savedState(): Promise<NodeState | undefined> {
  const client = await connect({ servers: broker.url });
  try {
    const kv = await new Kvm(client).open('ptp_states');
    return (await kv.get(nodeToken(NODE)))?.json<NodeState>();
  } finally {
    await client.close();
  }
}

async function changeSaved(change: (state: NodeState) => NodeState): Promise<void> {
  const client = await connect({ servers: broker.url });
  const kv = await new Kvm(client).open('ptp_states');
  const saved = await kv.get(nodeToken(NODE));
  if (saved === null) throw new Error('nothing saved');
  await kv.put(nodeToken(NODE), JSON.stringify(change(saved.json<NodeState>())));
  await client.close();
}

/** As of a collector that was killed before its first write. */
async function forgetSaved(): Promise<void> {
  const client = await connect({ servers: broker.url });
  const jsm = await jetstreamManager(client);
  await jsm.streams.purge('KV_ptp_states', { filter: `$KV.ptp_states.${nodeToken(NODE)}` });
  await client.close();
}

describe('a collector that is started again', () => {
  it('repeats nothing that the lines confirm, and goes on counting', async () => {
    await hear(SLAVE, offset(17), osOffset(3));
    await restart();
    await hear(offset(18), osOffset(4), offset(5_000));
    expect(await eventsOnTheBus()).toEqual([
      'lock-state LOCKED(17)',
      'sync-state LOCKED',
      'os-clock-sync-state LOCKED(3)',
      'lock-state FREERUN(5000)',
      'sync-state FREERUN',
    ]);
    const sequences = (await readEventLog(broker.url))
      .filter(({ path }) => path === lockState.path)
      .map(({ event }) => Number(event.sequence));
    expect(sequences).toEqual([sequences[0], (sequences[0] ?? 0) + 1]);
  });

  it('vouches for nothing before the first line of each clock', async () => {
    await hear(SLAVE, offset(17), osOffset(3));
    await restart();
    for (const path of [lockState.path, osClockSyncState.path, syncState.path]) {
      expect(await current(path)).toMatchObject({ vouchedFor: false, reason: expect.stringMatching(/^no line of/) });
    }
    await collector.feed(await collector.connect(), offset(18));
    expect(await current(lockState.path)).toMatchObject({ vouchedFor: true });
    expect(await current(syncState.path)).toMatchObject({
      vouchedFor: false,
      reason: 'no line of phc2sys of CLOCK_REALTIME (ptp4l.0.config) has come since the collector started',
    });
  });

  it('takes the other clocks into the overall state that have not been heard yet', async () => {
    await hear(SLAVE, offset(5_000), osOffset(3));
    await restart();
    await hear(osOffset(4));
    expect(await eventsOnTheBus()).toEqual([
      'lock-state FREERUN(5000)',
      'sync-state FREERUN',
      'os-clock-sync-state FREERUN(3)',
    ]);
  });

  it('remembers which port was the slave', async () => {
    await hear(SLAVE, offset(17));
    await restart();
    await hear(LISTENING.replace('UNCALIBRATED', 'INITIALIZING'));
    // The source of the offset and the role are known from before.
    expect((await eventsOnTheBus()).slice(2)).toEqual(['lock-state HOLDOVER(17)', 'sync-state HOLDOVER']);
  });

  it('remembers a role that came without an event, also when it was killed', async () => {
    await collector.feed(await collector.connect(), SLAVE);
    await eventually(async () => (await savedState())?.ports[0]?.role === 'SLAVE');
  });

  it('ends a holdover at its time, as if it had never been away', async () => {
    await hear(SLAVE, offset(17), FAULTY);
    clock.advance({ seconds: 3 });
    await restart();
    clock.advance({ ms: 1_999 });
    expect(await current(lockState.path)).toMatchObject({ state: { clocks: [{ state: 'HOLDOVER' }] } });
    clock.advance({ ms: 1 });
    await collector.stop();
    expect((await eventsOnTheBus()).slice(4)).toEqual(['lock-state FREERUN(17)', 'sync-state FREERUN']);
  });

  it('ends a holdover at once whose time passed while it was away', async () => {
    await hear(SLAVE, offset(17), FAULTY);
    clock.advance({ seconds: 60 });
    await restart();
    await collector.stop();
    expect((await eventsOnTheBus()).slice(4)).toEqual(['lock-state FREERUN(17)', 'sync-state FREERUN']);
  });

  it('ends a holdover at once after a boot, whose clock says nothing about the time before', async () => {
    await hear(SLAVE, offset(17), FAULTY);
    await changeSaved((state) => ({ ...state, bootId: 'another' }));
    await restart();
    await collector.stop();
    expect((await eventsOnTheBus()).slice(4)).toEqual(['lock-state FREERUN(17)', 'sync-state FREERUN']);
  });

  it('mends a saved state that is one event behind, and uses no number twice', async () => {
    await hear(SLAVE, offset(17));
    let behind: NodeState | undefined;
    await changeSaved((state) => (behind = state));
    await restart();
    await hear(offset(5_000));
    // As after a kill between the event's ack and the write.
    await changeSaved((state) => behind ?? state);
    await restart();
    await hear(offset(6_000), offset(9));
    const log = await readEventLog(broker.url);
    expect(await eventsOnTheBus()).toEqual([
      'lock-state LOCKED(17)',
      'sync-state LOCKED',
      'lock-state FREERUN(5000)',
      'sync-state FREERUN',
      'lock-state LOCKED(9)',
      'sync-state LOCKED',
    ]);
    const numbers = log.map(({ path, event }) => `${path} ${event.sequence}`);
    expect(new Set(numbers).size).toBe(log.length);
  });

  describe.each([
    ['lock-state', offset(5_000), offset(17)],
    ['os-clock-sync-state', osOffset(5_000), osOffset(3)],
    ['ptp-clock-class-change', clockClass(248), clockClass(6)],
    ['gnss-sync-status', gnss(0, 's0'), gnss(3, 's2')],
    ['synce lock-state', eec('s0'), eec('s2')],
    ['synce clock-quality', quality('0x4'), quality('0x2')],
  ])('and was killed between the ack of an event of %s and the write', (_, before, now) => {
    beforeEach(() => files.writeConfig('synce4l.0.config', '#profile: oc\n[global]\n[ens1f0]\n'));

    it('does not publish the same state again, and publishes the next', async () => {
      await restart();
      await hear(before);
      let behind: NodeState | undefined;
      await changeSaved((state) => (behind = state));
      await restart();
      await hear(now);
      const events = await eventsOnTheBus();
      await changeSaved((state) => behind ?? state);
      await restart();
      await hear(now);
      expect(await eventsOnTheBus()).toEqual(events);
      await restart();
      await hear(before);
      expect((await eventsOnTheBus()).length).toBeGreaterThan(events.length);
    });

    it("does not publish a clock's first event ever again", async () => {
      await restart();
      await hear(now);
      const events = await eventsOnTheBus();
      expect(events.length).toBeGreaterThan(0);
      await forgetSaved();
      await restart();
      await hear(now);
      expect(await eventsOnTheBus()).toEqual(events);
    });
  });

  it('takes no clock for known whose configuration was deleted just before it was killed', async () => {
    await collector.feed(await collector.connect(), gnss(3, 's2'));
    const behind = await eventually(async () => {
      const saved = await savedState();
      return saved?.resources.length === 1 ? saved : undefined;
    });
    files.removeConfig('ptp4l.0.config');
    const events = await eventually(async () => {
      const now = await eventsOnTheBus();
      return now.length === 2 ? now : undefined;
    });
    await collector.stop();
    await changeSaved(() => behind);
    await restart();
    clock.advance({ seconds: 30 });
    await collector.stop();
    expect(await eventsOnTheBus()).toEqual(events);
  });

  it('waits for the file of a configuration, and gives it up after 30 s', async () => {
    await hear(SLAVE, offset(17));
    files.removeConfig('ptp4l.0.config');
    await restart();
    clock.advance({ ms: 29_999 });
    expect(await current(lockState.path)).toMatchObject({
      vouchedFor: false,
      state: { clocks: [{ state: 'LOCKED' }] },
    });
    clock.advance({ ms: 1 });
    await collector.stop();
    expect((await eventsOnTheBus()).slice(2)).toEqual(['lock-state FREERUN(17)', 'sync-state FREERUN']);
  });

  it('shows no metric of a clock before its first line', async () => {
    await hear(SLAVE, offset(17));
    await restart();
    expect(await collector.deps.registry.metrics()).not.toMatch(/^openshift_ptp_(?!threshold)\w+\{/m);
    await collector.feed(await collector.connect(), offset(18));
    expect(await collector.deps.registry.metrics()).toMatch(/^openshift_ptp_offset_ns\{.*iface="ens1fx".*\} 18$/m);
  });
});

describe('a collector that is started while the broker is away', () => {
  it('reads lines at once, and publishes only what is new when the broker is there', async () => {
    await hear(SLAVE, offset(17), osOffset(3));
    await broker.kill();
    const starting = startTestCollector(broker.url, files, { clock });
    const daemon = await eventually(() => connectDaemon(files.socket));
    await daemon.write(offset(18), offset(5_000), offset(19));
    await broker.restart();
    collector = await starting;
    await eventually(async () => (await collector.linesRead()) === 3);
    await collector.stop();
    expect((await eventsOnTheBus()).slice(3)).toEqual([
      'lock-state FREERUN(5000)',
      'sync-state FREERUN',
      'lock-state LOCKED(19)',
      'sync-state LOCKED',
    ]);
  });
});
