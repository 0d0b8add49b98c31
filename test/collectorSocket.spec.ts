import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { CannotStart } from '../services/shared/service.js';
import { startBroker, type Broker } from './support/broker.js';
import { NodeFiles, startTestCollector, type TestCollector } from './support/collector.js';
import { readEventLog } from './support/eventLog.js';
import { eventually } from './support/eventually.js';

const LOCKED = 'ptp4l[81021.120]: [ptp4l.0.config] master offset         17 s2 freq   -5120 path delay       312';

let broker: Broker;
let files: NodeFiles;
const started: TestCollector[] = [];

beforeEach(async () => {
  broker = await startBroker();
  files = new NodeFiles();
});

afterEach(async () => {
  for (const collector of started.splice(0)) await collector.stop();
  files.remove();
  await broker.close();
});

async function start(): Promise<TestCollector> {
  const collector = await startTestCollector(broker.url, files);
  started.push(collector);
  return collector;
}

describe('the event socket', () => {
  it('takes over a socket file that nobody listens on', async () => {
    // A process that is killed leaves its socket file behind.
    spawnSync(process.execPath, [
      '-e',
      `require('net').createServer().listen(${JSON.stringify(files.socket)}, () => process.kill(process.pid, 'SIGKILL'))`,
    ]);
    expect(existsSync(files.socket)).toBe(true);
    const collector = await start();
    await collector.feed(await collector.connect(), LOCKED);
    expect(await collector.linesRead('used')).toBe(1);
  });

  it('is removed when the collector stops', async () => {
    const collector = await start();
    await collector.stop();
    expect(existsSync(files.socket)).toBe(false);
  });

  it('is made again when its file is deleted, and nobody loses a connection', async () => {
    const collector = await start();
    const before = await collector.connect();
    unlinkSync(files.socket);
    collector.clock.advance({ seconds: 1 });
    await eventually(() => existsSync(files.socket));
    await collector.feed(await collector.connect(), LOCKED);
    await collector.feed(before, LOCKED);
    expect(await collector.linesRead('used')).toBe(2);
  });

  it('leaves a file alone that is no socket', async () => {
    writeFileSync(files.socket, 'precious');
    await expect(startTestCollector(broker.url, files)).rejects.toThrow(/is a file and no socket/);
    expect(readFileSync(files.socket, 'utf8')).toBe('precious');
  });

  it('is refused to a second collector', async () => {
    const first = await start();
    await expect(startTestCollector(broker.url, files)).rejects.toThrow(/somebody listens on .* already/);
    await first.feed(await first.connect(), LOCKED);
    expect(await first.linesRead('used')).toBe(1);
  });

  it('is refused while another program listens on it', async () => {
    const other = createServer().listen(files.socket);
    await eventually(() => other.listening);
    await expect(startTestCollector(broker.url, files)).rejects.toThrow(CannotStart);
    other.close();
  });

  it('is refused where the path is longer than the system allows', async () => {
    const long = `/tmp/${'x'.repeat(110)}`;
    const vars = { EVENT_SOCKET: long };
    await expect(startTestCollector(broker.url, files, { vars })).rejects.toThrow(/at most 107/);
  });

  it('makes its folder, and is refused where it cannot', async () => {
    const missing = { EVENT_SOCKET: `${files.dir}/made/events.sock` };
    const collector = await startTestCollector(broker.url, files, { vars: missing });
    await collector.stop();
    const further = { EVENT_SOCKET: `${files.dir}/no/such/events.sock` };
    await expect(startTestCollector(broker.url, files, { vars: further })).rejects.toThrow(
      /the folder of EVENT_SOCKET, .*\/no\/such, does not exist and cannot be made \(ENOENT\)/,
    );
  });

  it('reads every connection on its own, and garbage changes nothing', async () => {
    const collector = await start();
    const [good, bad, endless] = await Promise.all([collector.connect(), collector.connect(), collector.connect()]);
    await bad.writeRaw(Buffer.from(Array.from({ length: 4_096 }, (_, i) => i % 256)));
    await bad.write(
      '',
      'ptp4l[1.1]: [ptp4l.0.config] master offset 3 s2',
      'dpll[1]:[ptp4l.0.config] ens1f0 offset x s2',
    );
    // Half a line on one connection does not wait for, or mix with, a line of another.
    await good.writeRaw(LOCKED.slice(0, 40));
    for (let i = 0; i < 32; i++) await endless.writeRaw(Buffer.alloc(65_536, 'x'));
    await endless.write('', LOCKED.replace(' s2 ', ' s0 ').slice(0, 60));
    await good.writeRaw(`${LOCKED.slice(40)}\n`);
    await eventually(
      async () => (await collector.linesRead('used')) === 1 && (await collector.linesRead('too_long')) === 1,
    );
    await collector.stop();
    const states = (await readEventLog(broker.url)).map(({ event }) => event.data?.values[0]?.value);
    expect(states).toEqual(['LOCKED', 'LOCKED']);
  });
});
