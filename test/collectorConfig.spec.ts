import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startBroker, type Broker } from './support/broker.js';
import { NODE, NodeFiles, startTestCollector, type TestCollector } from './support/collector.js';
import { eventually } from './support/eventually.js';
import { readEventLog } from './support/eventLog.js';
import type { Daemon } from './support/daemon.js';

const offset = (ns: number, config = 'ptp4l.0.config'): string =>
  `ptp4l[81021.120]: [${config}] master offset ${ns} s2 freq -5120 path delay 312`;
const profile = (maxOffsetThreshold: number): string =>
  JSON.stringify([{ name: 'oc', phc2sysOpts: '-a -r', ptpClockThreshold: { maxOffsetThreshold } }]);

let broker: Broker;
let files: NodeFiles;
let collector: TestCollector;
let daemon: Daemon;

beforeEach(async () => {
  broker = await startBroker();
  files = new NodeFiles();
  collector = await startTestCollector(broker.url, files);
  daemon = await collector.connect();
});

afterEach(async () => {
  await collector.stop();
  files.remove();
  await broker.close();
});

const metrics = (): Promise<string> => collector.deps.registry.metrics();
const threshold = (ns: number): RegExp =>
  new RegExp(`^openshift_ptp_threshold\\{threshold="MaxOffsetThreshold",profile="oc",node="${NODE}"\\} ${ns}$`, 'm');
const eventuallyThreshold = (ns: number): Promise<boolean> =>
  eventually(async () => threshold(ns).test(await metrics()));

describe('the node profile', () => {
  it('is read again when it is written, and its thresholds hold from the next line on', async () => {
    await collector.feed(daemon, offset(400));
    expect(await metrics()).toMatch(/^openshift_ptp_clock_state\{.*process="ptp4l".* 0$/m);
    writeFileSync(join(files.profileDir, NODE), profile(500));
    await eventuallyThreshold(500);
    await collector.feed(daemon, offset(400));
    expect(await metrics()).toMatch(/^openshift_ptp_clock_state\{.*process="ptp4l".* 1$/m);
  });

  it('is read again when it is renamed into place', async () => {
    writeFileSync(join(files.dir, 'new'), profile(600));
    renameSync(join(files.dir, 'new'), join(files.profileDir, NODE));
    await eventuallyThreshold(600);
  });

  it('is read again when its folder is replaced, as a mount does', async () => {
    rmSync(files.profileDir, { recursive: true });
    await eventually(async () => {
      collector.clock.advance({ seconds: 2 });
      return !(await metrics()).includes('openshift_ptp_threshold{');
    });
    mkdirSync(files.profileDir);
    writeFileSync(join(files.profileDir, NODE), profile(700));
    await eventually(async () => {
      collector.clock.advance({ seconds: 2 });
      return threshold(700).test(await metrics());
    });
    // The new folder is watched like the old one.
    writeFileSync(join(files.profileDir, NODE), profile(701));
    await eventuallyThreshold(701);
  });

  it('is read again when the link of a mounted ConfigMap moves on', async () => {
    for (const [name, ns] of [['one', 800] as const, ['two', 900] as const]) {
      mkdirSync(join(files.profileDir, name));
      writeFileSync(join(files.profileDir, name, NODE), profile(ns));
    }
    rmSync(join(files.profileDir, NODE));
    symlinkSync('one', join(files.profileDir, '..data'));
    symlinkSync(`..data/${NODE}`, join(files.profileDir, NODE));
    await eventuallyThreshold(800);
    symlinkSync('two', join(files.profileDir, '..data_tmp'));
    renameSync(join(files.profileDir, '..data_tmp'), join(files.profileDir, '..data'));
    await eventuallyThreshold(900);
  });

  it('keeps its old values while it is no JSON', async () => {
    writeFileSync(join(files.profileDir, NODE), profile(300));
    await eventuallyThreshold(300);
    writeFileSync(join(files.profileDir, NODE), '{"name":');
    writeFileSync(join(files.configDir, 'ptp4l.7.config'), '#profile: oc\n[ens7f0]\n');
    // The second file is noticed, so the first one was too.
    await eventually(async () => {
      await collector.feed(daemon, offset(250, 'ptp4l.7.config'));
      return (await metrics()).includes('iface="ens7fx"');
    });
    expect(await metrics()).toMatch(threshold(300));
  });
});

describe('a configuration file', () => {
  it('counts from the moment on that it is there', async () => {
    await collector.feed(daemon, offset(5, 'ptp4l.1.config'));
    expect(await collector.linesRead('unknown_config')).toBe(1);
    files.writeConfig('ptp4l.1.config', '#profile: oc\n[ens5f0]\n');
    await eventually(async () => {
      await collector.feed(daemon, offset(5, 'ptp4l.1.config'));
      return (await collector.linesRead('used')) > 0;
    });
  });

  it('leaves nothing behind when it is deleted: events, then no series', async () => {
    await collector.feed(
      daemon,
      'ptp4l[1]:[ptp4l.0.config] PTP_PROCESS_STATUS:1',
      'ptp4l[102.1]: [ptp4l.0.config] port 1: UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED',
      offset(5),
    );
    expect(await metrics()).toMatch(/^openshift_ptp_(?!threshold)\w+\{/m);
    files.removeConfig('ptp4l.0.config');
    await eventually(async () => !/^openshift_ptp_(?!threshold)\w+\{/m.test(await metrics()));
    expect(await metrics()).not.toMatch(/ptp_collector_state_\w+\{.*ens1f0/);
    await collector.stop();
    const words = (await readEventLog(broker.url)).map(({ event }) => event.data?.values[0]?.value);
    expect(words).toEqual(['LOCKED', 'LOCKED', 'FREERUN', 'FREERUN']);
  });

  it('has no series of an interface any more that was taken out of it', async () => {
    await collector.feed(
      daemon,
      'ptp4l[102.1]: [ptp4l.0.config] port 1: UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED',
      'ts2phc[61021.402]: [ts2phc.0.config] ens1f0 master offset -2 s2 freq -6',
      offset(5),
    );
    expect(await metrics()).toMatch(/iface="ens1fx"/);
    files.writeConfig('ptp4l.0.config', '#profile: oc\n[ens9f0]\n');
    await eventually(async () => !/ens1f/.test((await metrics()).replace(/^ptp_collector.*$/gm, '')));
  });

  it('lets the overall state be what the clocks are that stay', async () => {
    await collector.feed(
      daemon,
      'ts2phc[61021.402]: [ts2phc.0.config] ens1f0 master offset 900 s2 freq -6',
      'phc2sys[61021.410]: [ptp4l.0.config] CLOCK_REALTIME phc offset 3 s2 freq -11020 delay 611',
    );
    files.writeConfig('ptp4l.0.config', '#profile: oc\n[ens9f0]\n');
    await eventually(async () => !(await metrics()).includes('process="ts2phc",iface='));
    await collector.stop();
    const words = (await readEventLog(broker.url))
      .filter(({ path }) => path.endsWith('/sync-state'))
      .map(({ event }) => event.data?.values[0]?.value);
    expect(words).toEqual(['FREERUN', 'LOCKED']);
  });
});
