import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startBroker, type Broker } from './support/broker.js';
import { NodeFiles, startTestCollector, type TestCollector } from './support/collector.js';
import { eventually } from './support/eventually.js';
import { readEventLog } from './support/eventLog.js';

const offset = (ns: number): string =>
  `ptp4l[81021.120]: [ptp4l.0.config] master offset ${ns} s2 freq -5120 path delay 312`;

let broker: Broker;
let files: NodeFiles;
let collector: TestCollector;
let daemon: Server;
let aliases: string;
let asked: string[];

beforeEach(async () => {
  aliases = '{"ens1f0":"ens1f"}';
  asked = [];
  daemon = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end(request.url === '/port-aliases' ? aliases : '');
  });
  await new Promise<void>((resolve) => daemon.listen(0, '127.0.0.1', resolve));
  broker = await startBroker();
  files = new NodeFiles();
});

afterEach(async () => {
  await collector.stop();
  daemon.close();
  daemon.closeAllConnections();
  files.remove();
  await broker.close();
});

async function start(): Promise<void> {
  const { port } = daemon.address() as AddressInfo;
  const vars = { DAEMON_URL: `http://127.0.0.1:${port}` };
  collector = await startTestCollector(broker.url, files, { vars });
}

const timesAsked = (path: string): number => asked.filter((url) => url === path).length;

const addresses = async (): Promise<(string | undefined)[]> =>
  (await readEventLog(broker.url)).map(({ event }) =>
    event.data?.values[0]?.ResourceAddress.split('/').slice(4).join('/'),
  );

describe('a collector that knows where the daemon answers', () => {
  it('calls interfaces as the daemon does, and masks the names that the daemon does not know', async () => {
    files.writeConfig('ptp4l.1.config', '#profile: oc\n[ens5f0]\n');
    await start();
    await collector.feed(await collector.connect(), offset(1), offset(2).replace('ptp4l.0', 'ptp4l.1'));
    const metrics = await collector.deps.registry.metrics();
    expect(metrics).toMatch(/^openshift_ptp_offset_ns\{.*iface="ens1f"/m);
    expect(metrics).toMatch(/^openshift_ptp_offset_ns\{.*iface="ens5fx"/m);
    await collector.stop();
    expect(await addresses()).toEqual(['ens1f/master', 'sync/sync-status/sync-state', 'ens5fx/master']);
  });

  it('asks again for a name that is not known, at most every 30 s', async () => {
    await start();
    files.writeConfig('ptp4l.1.config', '#profile: oc\n[ens5f0]\n');
    const line = offset(2).replace('ptp4l.0', 'ptp4l.1');
    const connection = await collector.connect();
    await eventually(async () => {
      await collector.feed(connection, line);
      return (await collector.linesRead('used')) > 0;
    });
    expect(timesAsked('/port-aliases')).toBe(1);
    aliases = '{"ens1f0":"ens1f","ens5f0":"ens5f"}';
    collector.clock.advance({ seconds: 30 });
    await eventually(async () => (await collector.deps.registry.metrics()).includes('iface="ens5f"'));
    expect(timesAsked('/port-aliases')).toBe(2);
  });

  it('masks names when the answer makes no sense, and takes no alias that would break an address', async () => {
    aliases = '{"ens1f0":"a//b"}';
    await start();
    await collector.feed(await collector.connect(), offset(1));
    await collector.stop();
    expect((await addresses())[0]).toBe('ens1fx/master');
  });

  it('asks for the present state at start, on every connection and on CMD RESTART, and reads the files again', async () => {
    await start();
    await eventually(() => timesAsked('/emit-logs') === 1);
    const connection = await collector.connect();
    await eventually(() => timesAsked('/emit-logs') === 2);
    await collector.connect();
    await eventually(() => timesAsked('/emit-logs') === 3);
    files.writeConfig('ptp4l.1.config', '#profile: oc\n[ens5f0]\n');
    await collector.feed(connection, 'CMD RESTART', offset(2).replace('ptp4l.0', 'ptp4l.1'));
    expect(await collector.linesRead('used')).toBe(2);
    await eventually(() => timesAsked('/emit-logs') === 4);
  });
});
