import { MAX_LINE_BYTES } from '../services/collector/lineSplitter.js';
import { startBroker, type Broker } from './support/broker.js';
import { NodeFiles, startTestCollector, type TestCollector } from './support/collector.js';
import { spawnCollector, type CollectorProcess } from './support/collectorProcess.js';
import { connectDaemon, type Daemon } from './support/daemon.js';
import { readEventLog } from './support/eventLog.js';
import { eventually } from './support/eventually.js';

const MiB = 1_024 * 1_024;
const offset = (ns: number, config = 0): string =>
  `ptp4l[1.1]: [ptp4l.${config}.config] master offset ${ns} s2 freq -5 path delay 3`;

let broker: Broker;
let files: NodeFiles;

beforeEach(async () => {
  broker = await startBroker();
  files = new NodeFiles();
});

afterEach(async () => {
  files.remove();
  await broker.close();
});

describe('a collector under a flood', () => {
  let collector: CollectorProcess;

  beforeEach(async () => {
    collector = await spawnCollector(broker.url, files);
  });

  afterEach(async () => {
    await collector.end('SIGKILL');
  });

  const used = async (): Promise<number> => {
    const text = await (await fetch(`${collector.url}/metrics`)).text();
    return Number(/^ptp_collector_lines_total\{process="ptp4l",outcome="used"\} (\d+)$/m.exec(text)?.[1] ?? 0);
  };

  it('reads 100 MB without a newline in bounded memory, while another connection is read on', async () => {
    const [flood, good] = await Promise.all([connectDaemon(files.socket), connectDaemon(files.socket)]);
    const before = collector.memory().now;
    const piece = Buffer.alloc(MiB, 'x');
    for (let i = 0; i < 100; i++) {
      await flood.writeRaw(piece);
      if (i % 10 === 0) await good.write(offset(i));
    }
    await eventually(async () => (await used()) === 10);
    expect(collector.memory().peak - before).toBeLessThan(64 * MiB);
    // The connection goes on, and what comes after the newline counts.
    await flood.write('', offset(99));
    await eventually(async () => (await used()) === 11);
  });

  it('serves 1 000 connections that each leave a line of nearly 64 KiB unfinished', async () => {
    const before = collector.memory().now;
    const daemons: Daemon[] = [];
    for (let i = 0; i < 1_000; i++) daemons.push(await connectDaemon(files.socket));
    await Promise.all(daemons.map((daemon) => daemon.writeRaw(Buffer.alloc(MAX_LINE_BYTES - 1, 'x'))));
    const good = await connectDaemon(files.socket);
    await good.write(offset(1));
    await eventually(async () => (await used()) === 1);
    // The bound: 64 KiB for each connection, and once more while it is being read.
    expect(collector.memory().peak - before).toBeLessThan(2 * 1_024 * MAX_LINE_BYTES);
    for (const daemon of [...daemons, good]) daemon.end();
  });
});

describe('connections of the event socket', () => {
  let collector: TestCollector;

  beforeEach(async () => {
    for (const n of [1, 2]) files.writeConfig(`ptp4l.${n}.config`, `#profile: oc\n[ens${n + 1}f0]\n`);
    collector = await startTestCollector(broker.url, files);
  });

  afterEach(() => collector.stop());

  it('do not wait for one that sends a byte now and then', async () => {
    const [slow, good] = await Promise.all([collector.connect(), collector.connect()]);
    const line = `${offset(7, 1)}\n`;
    for (const [i, byte] of line.split('').entries()) {
      await slow.writeRaw(byte);
      if (i % 10 === 0) await collector.feed(good, offset(i));
      collector.clock.advance({ ms: 1 });
    }
    await eventually(async () => (await collector.linesRead('used')) === Math.ceil(line.length / 10) + 1);
  });

  it('give the same result each, however they are mixed', async () => {
    // Every connection has a configuration of its own, so their results do not depend on one another.
    const scripts = [0, 1, 2].map((config) =>
      Array.from({ length: 60 }, (_, i) => offset((i * 37 + config * 11) % 7 === 0 ? 500 + i : i, config)),
    );
    const daemons = await Promise.all(scripts.map(() => collector.connect()));
    const bytes = scripts.map((lines) => Buffer.from(lines.map((line) => `${line}\n`).join('')));
    const done = [0, 0, 0];
    for (let turn = 0; done.some((at, i) => at < (bytes[i]?.length ?? 0)); turn++) {
      const i = (turn * 7 + (turn >> 2)) % 3;
      const size = 1 + ((turn * 29) % 97);
      const at = done[i] ?? 0;
      await daemons[i]?.writeRaw(bytes[i]?.subarray(at, at + size) ?? '');
      done[i] = at + size;
    }
    await eventually(async () => (await collector.linesRead('used')) === 180);
    await collector.stop();
    const log = (await readEventLog(broker.url)).filter(({ path }) => path.endsWith('/lock-state'));
    for (const [config, iface] of ['ens1fx', 'ens2fx', 'ens3fx'].entries()) {
      const told = log
        .map(({ event }) => event.data?.values ?? [])
        .filter(([state]) => state?.ResourceAddress.endsWith(`/${iface}/master`))
        .map(([state, ns]) => `${state?.value} ${ns?.value}`);
      expect(told).toEqual(changesOf(config));
    }
  });
});

/** What one connection's lines alone change. */
function changesOf(config: number): string[] {
  let state = '';
  const changes: string[] = [];
  for (let i = 0; i < 60; i++) {
    const ns = (i * 37 + config * 11) % 7 === 0 ? 500 + i : i;
    const next = ns < 100 ? 'LOCKED' : 'FREERUN';
    if (next !== state) changes.push(`${next} ${ns}`);
    state = next;
  }
  return changes;
}
