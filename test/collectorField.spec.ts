import { connect } from '@nats-io/transport-node';
import { bus } from '../services/shared/contract/bus.js';
import type { CurrentState } from '../services/shared/messages.js';
import { querySubject } from '../services/shared/subjects.js';
import { startBroker, type Broker } from './support/broker.js';
import { NODE, NodeFiles, startTestCollector, type TestCollector } from './support/collector.js';
import type { Daemon } from './support/daemon.js';
import { readEventLog } from './support/eventLog.js';
import { FakeClock } from './support/fakeClock.js';

const { lockState, osClockSyncState, syncState } = bus.resources;

let broker: Broker;
let files: NodeFiles;
let clock: FakeClock;
let collector: TestCollector;
let daemon: Daemon;

beforeEach(async () => {
  broker = await startBroker();
  files = new NodeFiles({}, ['ens1f0', 'ens1f1', 'ens2f0']);
  files.writeProfile([{ name: 'oc', ptp4lOpts: '-2', phc2sysOpts: '-a -r', chronydOpts: '-d' }]);
  files.writeConfig('phc2sys.0.config', '#profile: oc\n\n[global]\n');
  files.writeConfig('chronyd.0.config', '#profile: oc\n\n\nserver 192.0.2.7 iburst\n');
  clock = new FakeClock();
  await start();
});

afterEach(async () => {
  await collector.stop();
  files.remove();
  await broker.close();
});

async function start(): Promise<void> {
  collector = await startTestCollector(broker.url, files, { clock });
  daemon = await collector.connect();
}

async function restart(): Promise<void> {
  await collector.stop();
  await start();
}

const hear = (...lines: string[]): Promise<void> => collector.feed(daemon, ...lines);

/** `os-clock-sync-state LOCKED(5)` for each event on the bus, once the collector has stopped. */
async function published(): Promise<string[]> {
  await collector.stop();
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

const osOffset = (ns: number, tag = 'ptp4l.0.config:6'): string =>
  `phc2sys[81021.410]: [${tag}] CLOCK_REALTIME phc offset ${ns} s2 freq -11020 delay 611`;
const chronyd = (said: string): string => `chronyd[4711][chronyd.0.config]: 2026-03-01T12:00:05Z ${said}`;
const SELECTED = chronyd('Selected source 192.0.2.7 (ntp.example.net)');
const LOST = chronyd("Can't synchronise: no majority (no agreement among 3 sources)");
const status = (process: string, isUp: number, tag: string): string =>
  `${process}[1770000000]:[${tag}] PTP_PROCESS_STATUS:${isUp}`;

describe('a collector that hears chronyd as the daemon passes it on', () => {
  it('publishes what its lines say, behind a time of its own and in other words', async () => {
    await hear(
      chronyd('chronyd version 4.5 starting (+CMDMON +NTP +REFCLOCK +RTC +PRIVDROP +SCFILTER)'),
      SELECTED,
      LOST,
      chronyd('Selected source 2001:db8::7'),
      chronyd("Can't synchronize: no selectable sources"),
    );
    expect(await published()).toEqual([
      'os-clock-sync-state LOCKED(0)',
      'sync-state LOCKED',
      'os-clock-sync-state FREERUN(0)',
      'sync-state FREERUN',
      'os-clock-sync-state LOCKED(0)',
      'sync-state LOCKED',
      'os-clock-sync-state FREERUN(0)',
      'sync-state FREERUN',
    ]);
  });
});

describe('a collector on a node that falls over to NTP and back', () => {
  it('publishes the state of the process that steers, as one clock', async () => {
    await hear(osOffset(5), status('phc2sys', 0, 'ptp4l.0.config'), status('chronyd', 1, 'chronyd.0.config'), LOST);
    expect((await current(osClockSyncState.path)).state?.clocks).toMatchObject([
      { process: 'chronyd', config: 'chronyd.0.config', state: 'FREERUN' },
    ]);
    await hear(status('chronyd', 0, 'chronyd.0.config'), status('phc2sys', 1, 'phc2sys.0.config'), osOffset(7));
    const { state } = await current(osClockSyncState.path);
    expect(state?.clocks).toMatchObject([{ process: 'phc2sys', config: 'ptp4l.0.config', state: 'LOCKED' }]);
    expect(state?.data?.values).toHaveLength(2);
    expect(await published()).toEqual([
      'os-clock-sync-state LOCKED(5)',
      'sync-state LOCKED',
      'os-clock-sync-state FREERUN(0)',
      'sync-state FREERUN',
      'os-clock-sync-state LOCKED(7)',
      'sync-state LOCKED',
    ]);
  });

  it('goes on with the other process after a restart', async () => {
    await hear(osOffset(5));
    await restart();
    await hear(status('phc2sys', 0, 'phc2sys.0.config'), SELECTED, LOST);
    await restart();
    await hear(status('chronyd', 0, 'chronyd.0.config'), osOffset(7, 'phc2sys.0.config'));
    expect((await current(osClockSyncState.path)).state?.clocks).toMatchObject([
      { process: 'phc2sys', state: 'LOCKED' },
    ]);
    expect(await published()).toEqual([
      'os-clock-sync-state LOCKED(5)',
      'sync-state LOCKED',
      'os-clock-sync-state FREERUN(0)',
      'sync-state FREERUN',
      'os-clock-sync-state LOCKED(7)',
      'sync-state LOCKED',
    ]);
  });

  it('has nobody left when both have ended, though one of them is known from before a restart only', async () => {
    await hear(osOffset(5));
    await restart();
    await hear(status('phc2sys', 0, 'phc2sys.0.config'), status('chronyd', 0, 'chronyd.0.config'));
    expect(await published()).toEqual([
      'os-clock-sync-state LOCKED(5)',
      'sync-state LOCKED',
      'os-clock-sync-state FREERUN(5)',
      'sync-state FREERUN',
    ]);
  });
});

describe('a collector whose ts2phc says HOLDOVER and then nothing more', () => {
  it('vouches for it until STALE_AFTER, and publishes FREERUN when it is lost', async () => {
    const said = 'ts2phc[1001.402]: [ts2phc.0.config:6] ens2f0';
    await hear(`${said} offset 1 s3 freq +1`, `${said} offset -2 s3 freq -6 holdover`);
    clock.advance({ seconds: 29 });
    expect(await current(lockState.path)).toMatchObject({ vouchedFor: true });
    clock.advance({ seconds: 1 });
    for (const path of [lockState.path, syncState.path]) {
      expect(await current(path)).toMatchObject({
        vouchedFor: false,
        reason: 'ts2phc of ens2f0 (ptp4l.0.config) was in HOLDOVER, but has been silent for 30 s',
      });
    }
    await hear(`${said} lost holdover lock (offset       1411)`);
    expect(await current(lockState.path)).toMatchObject({ vouchedFor: true });
    expect((await published()).slice(-2)).toEqual(['lock-state FREERUN(1411)', 'sync-state FREERUN']);
  });
});

describe('a collector that hears a replay whose newlines are missing', () => {
  const MESSAGES = [
    'ptp4l[30.100]: [ptp4l.0.config:5] port 2 (ens1f1): LISTENING to MASTER on ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES',
    'ptp4l[20.100]: [ptp4l.0.config:5] port 3 (ens2f0): UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED',
    'ptp4l[10.100]: [ptp4l.0.config] port 1 (ens1f0): SLAVE to PASSIVE on RS_PASSIVE',
    'ptp4l[1770000000]:[ptp4l.0.config] CLOCK_CLASS_CHANGE 6',
  ];
  const OFFSET = 'ptp4l[40.100]: [ptp4l.0.config:6] master offset -3 s2 freq -1120 path delay 201';

  it.each([
    ['nothing', ''],
    ['a blank', ' '],
    ['binary rubbish', '\0\x01\x7fÿþ'],
  ])('takes in every message, with %s between them', async (_, glue) => {
    await hear(MESSAGES.join(glue) + glue + OFFSET);
    expect(((await current(lockState.path)).state?.clocks ?? []).map((one) => one.interface)).toEqual(['ens2f0']);
    expect(await published()).toEqual(['ptp-clock-class-change 6', 'lock-state LOCKED(-3)', 'sync-state LOCKED']);
  });

  it('keeps a holdover that stands in the middle of a line', async () => {
    await hear(...MESSAGES, OFFSET);
    const fault =
      'ptp4l[50.100]: [ptp4l.0.config:5] port 3 (ens2f0): SLAVE to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)';
    await hear(`${MESSAGES[0]}${fault}${MESSAGES[3]}`);
    expect(await published()).toEqual([
      'ptp-clock-class-change 6',
      'lock-state LOCKED(-3)',
      'sync-state LOCKED',
      'lock-state HOLDOVER(-3)',
      'sync-state HOLDOVER',
    ]);
  });
});
