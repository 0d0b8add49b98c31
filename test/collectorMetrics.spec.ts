import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startBroker, type Broker } from './support/broker.js';
import { NODE, NodeFiles, play, readRecording, startTestCollector, type TestCollector } from './support/collector.js';
import { spawnCollector } from './support/collectorProcess.js';
import { connectDaemon } from './support/daemon.js';
import { eventually } from './support/eventually.js';
import { readEventLog } from './support/eventLog.js';

let broker: Broker;
let files: NodeFiles;
let collector: TestCollector;

beforeEach(async () => {
  broker = await startBroker();
  files = new NodeFiles();
});

afterEach(async () => {
  files.remove();
  await broker.close();
});

const os = (state: string): string =>
  `{resource="/sync/sync-status/os-clock-sync-state",config="ptp4l.0.config",process="phc2sys",clock="CLOCK_REALTIME",state="${state}"}`;

const offset = (ns: number): string => `ptp4l[1.1]: [ptp4l.0.config] master offset ${ns} s2 freq -5 path delay 3`;

/** The series of a scrape: `name{label="value",…} number`. */
const series = async (pattern: RegExp): Promise<string[]> =>
  (await collector.deps.registry.metrics()).split('\n').filter((line) => pattern.test(line));

const max = async (): Promise<string | undefined> => (await series(/^openshift_ptp_max_offset_ns\{/))[0]?.split(' ')[1];

describe('the metrics of the collector', () => {
  beforeEach(async () => {
    collector = await startTestCollector(broker.url, files);
  });

  afterEach(() => collector.stop());

  it('have no empty label, whatever is heard', async () => {
    const text = readFileSync(join(__dirname, 'fixtures/corpus/cases.jsonl'), 'utf8');
    const lines = text
      .split('\n')
      .filter((line) => line !== '')
      .flatMap((line) => (JSON.parse(line) as { lines: string[] }).lines)
      .filter((line) => !line.startsWith('@'));
    await collector.feed(await collector.connect(), ...lines);
    const all = await series(/^\w+(\{| )/);
    expect(all.length).toBeGreaterThan(100);
    expect(all.filter((line) => /=""/.test(line) || /NaN|undefined/.test(line))).toEqual([]);
    for (const line of all.filter((one) => one.startsWith('openshift_ptp_'))) expect(line).toContain(`node="${NODE}"`);
  });

  it('take no label value unchecked from a line', async () => {
    await collector.feed(
      await collector.connect(),
      'evil"[1]: [ptp4l.0.config] master offset 3 s2 freq -5 path delay 3',
      'ts2phc[1.1]: [ts2phc.0.config] ens"9f0 master offset -2 s2 freq -6',
      'ptp4l[1]:[ptp4l.999999.config] PTP_PROCESS_STATUS:1',
      'phc2sys[1]:[ptp4l.0.config] ptp_ha_profile evil state 1',
      'gnss[1]:[ts2phc.0.config] eth0/../x gnss_status 3 offset 5 s2',
    );
    expect(await series(/^openshift_ptp_(?!threshold)\w+\{/)).toEqual([]);
    expect(await series(/^ptp_collector_lines_total\{/)).toEqual([
      'ptp_collector_lines_total{process="ptp4l",outcome="malformed"} 1',
      'ptp_collector_lines_total{process="phc2sys",outcome="ignored"} 1',
      'ptp_collector_lines_total{process="ts2phc",outcome="malformed"} 1',
      'ptp_collector_lines_total{process="gnss",outcome="malformed"} 1',
      'ptp_collector_lines_total{process="other",outcome="ignored"} 1',
    ]);
  });

  it('have the largest absolute offset of the last minute', async () => {
    const daemon = await collector.connect();
    await collector.feed(daemon, offset(-700), offset(30));
    expect(await max()).toBe('700');
    collector.clock.advance({ seconds: 45 });
    await collector.feed(daemon, offset(-20));
    expect(await max()).toBe('700');
    collector.clock.advance({ seconds: 20 });
    expect(await max()).toBe('20');
  });

  it('say how often and how long each clock was in each state', async () => {
    const name = 'phc2sys-simulated-clocks.log';
    await play(collector, readRecording(name), 10_000);
    expect(await series(/^ptp_collector_state_transitions_total.*os-clock/)).toEqual([
      `ptp_collector_state_transitions_total${os('FREERUN')} 5`,
      `ptp_collector_state_transitions_total${os('LOCKED')} 5`,
    ]);
    const spent = (await series(/^ptp_collector_state_seconds_total.*os-clock/)).map((line) =>
      Number(line.split(' ')[1]),
    );
    const [first, last] = [readRecording(name)[0]?.atMs ?? 0, readRecording(name).at(-1)?.atMs ?? 0];
    expect(spent.reduce((sum, seconds) => sum + seconds, 0)).toBeCloseTo((last - first) / 1_000 + 10, 3);
    expect(await series(/^ptp_collector_clock_vouched_for\{/)).toEqual([
      'ptp_collector_clock_vouched_for{config="ptp4l.0.config",process="phc2sys",clock="CLOCK_REALTIME"} 1',
    ]);
    collector.clock.advance({ seconds: 20 });
    expect((await series(/^ptp_collector_clock_vouched_for\{/))[0]).toMatch(/ 0$/);
  });
});

const samples = (name: string, labels: string, value: number): string => `${name}{${labels}} ${value}`;
const steered = (config: string, process: string): string =>
  `resource="/sync/sync-status/os-clock-sync-state",config="${config}",process="${process}",clock="CLOCK_REALTIME"`;

describe('the metrics of a collector whose OS clock is steered by turns', () => {
  beforeEach(async () => {
    files.writeProfile([{ name: 'oc', phc2sysOpts: '-a -r', chronydOpts: '-d' }]);
    files.writeConfig('phc2sys.0.config', '#profile: oc\n[global]\n');
    files.writeConfig('chronyd.0.config', '#profile: oc\n');
    collector = await startTestCollector(broker.url, files);
  });

  afterEach(() => collector.stop());

  it('have it in one state at a time, and one series for each process', async () => {
    const daemon = await collector.connect();
    const hear = (...lines: string[]): Promise<void> => collector.feed(daemon, ...lines);
    await hear(
      'phc2sys[1.1]: [ptp4l.0.config] CLOCK_REALTIME phc offset 5 s2 freq -5 delay 600',
      'phc2sys[1]:[ptp4l.0.config] PTP_PROCESS_STATUS:1',
    );
    collector.clock.advance({ seconds: 10 });
    await hear(
      'phc2sys[1]:[phc2sys.0.config] PTP_PROCESS_STATUS:0',
      "chronyd[7][chronyd.0.config]: 2026-03-01T12:00:05Z Can't synchronise: no sources",
    );
    collector.clock.advance({ seconds: 5 });
    expect(await series(/^ptp_collector_state_seconds_total.*os-clock/)).toEqual([
      samples('ptp_collector_state_seconds_total', `${steered('ptp4l.0.config', 'phc2sys')},state="LOCKED"`, 10),
      samples('ptp_collector_state_seconds_total', `${steered('chronyd.0.config', 'chronyd')},state="FREERUN"`, 5),
    ]);
    expect(await series(/^ptp_collector_clock_vouched_for\{/)).toEqual([
      'ptp_collector_clock_vouched_for{config="chronyd.0.config",process="chronyd",clock="CLOCK_REALTIME"} 1',
    ]);
    expect(await series(/^openshift_ptp_clock_state\{/)).toEqual([
      `openshift_ptp_clock_state{process="chronyd",iface="CLOCK_REALTIME",node="${NODE}"} 0`,
    ]);
    expect(await series(/^openshift_ptp_process_status\{/)).toEqual([
      `openshift_ptp_process_status{process="phc2sys",config="ptp4l.0.config",node="${NODE}"} 0`,
    ]);
    await hear('phc2sys[1]:[ptp4l.0.config] PTP_PROCESS_STATUS:1');
    expect(await series(/^openshift_ptp_process_status\{/)).toEqual([
      `openshift_ptp_process_status{process="phc2sys",config="ptp4l.0.config",node="${NODE}"} 1`,
    ]);
  });
});

describe('a collector process', () => {
  it('drains its outbox on SIGTERM and ends with 0', async () => {
    const one = await spawnCollector(broker.url, files);
    const daemon = await connectDaemon(files.socket);
    await daemon.write('ptp4l[81021.120]: [ptp4l.0.config] master offset 17 s2 freq -5120 path delay 312');
    await eventually(async () =>
      (await (await fetch(`${one.url}/metrics`)).text()).includes('ptp_collector_lines_total{process="ptp4l"'),
    );
    expect(await one.end('SIGTERM')).toBe(0);
    expect(await readEventLog(broker.url)).toHaveLength(2);
  });
});
