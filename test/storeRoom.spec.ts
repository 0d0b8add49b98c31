import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { jetstreamManager, StorageType, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { pino } from 'pino';
import { bus } from '../services/shared/contract/bus.js';
import { CannotStart } from '../services/shared/service.js';
import { ensureStreams, wantedStreams } from '../services/shared/streams.js';
import { startBroker, type Broker } from './support/broker.js';
import { endsWithTheTests } from './support/childProcess.js';
import { collectorVars, NodeFiles } from './support/collector.js';

const MiB = 1024 * 1024;
const USER = { user: 'ptp', pass: 'ptp' };
const account = (limits: string): string =>
  `jetstream {}\naccounts { P { jetstream: { ${limits} }, users: [{ user: ptp, password: ptp }] } }`;
/** Everything on disk but the event log: the buckets and the dead letters. */
const OTHERS = wantedStreams({ replicas: 1, eventsMaxBytes: MiB })
  .filter(({ name, storage }) => storage === StorageType.File && name !== bus.streams.events)
  .reduce((sum, { max_bytes }) => sum + max_bytes, 0);

let broker: Broker;
let connection: NatsConnection;
let jsm: JetStreamManager;

async function start(settings: string): Promise<void> {
  broker = await startBroker(settings);
  connection = await connect({ servers: broker.url, ...USER });
  jsm = await jetstreamManager(connection, { timeout: 2_000 });
}

afterEach(async () => {
  await connection.close();
  await broker.close();
});

const log = pino({ level: 'silent' });
const ensure = (eventsMaxBytes: number, replicas = 1): Promise<string> =>
  ensureStreams(jsm, { replicas, eventsMaxBytes }, { log }).then(
    () => 'made',
    (err: unknown) => (err instanceof CannotStart ? err.message : `thrown: ${String(err)}`),
  );

describe('streams for which the broker has no room', () => {
  it('are refused with stream, bytes wanted and the settings, by a server whose file store is small', async () => {
    await start('jetstream { max_file_store: 420M }');
    const message = await ensure(128 * MiB);
    expect(message).toContain('stream PTP_EVENTS');
    expect(message).toContain(`it wants ${128 * MiB} bytes`);
    expect(message).toContain(`all streams together ${OTHERS + 128 * MiB} bytes`);
    expect(message).toContain(`${OTHERS} bytes (${OTHERS / MiB} MiB) of it set aside`);
    expect(message).toMatch(/raise max_file_store .* or lower EVENTS_MAX_BYTES/);
  });

  it('fit with a smaller event log afterwards', async () => {
    await start('jetstream { max_file_store: 420M }');
    expect(await ensure(128 * MiB)).not.toBe('made');
    expect(await ensure(16 * MiB)).toBe('made');
    const names = wantedStreams({ replicas: 1, eventsMaxBytes: MiB }).map(({ name }) => name);
    for (const name of names) expect((await jsm.streams.info(name)).config.name).toBe(name);
  });

  it('are refused with what the account has, where it has a limit', async () => {
    await start(account('max_file: 350M, max_mem: 64M'));
    const message = await ensure(64 * MiB);
    expect(message).toContain(`the account has 350000000 bytes`);
    expect(message).toContain('max_file of the account');
  });

  it.each([
    ['a bucket', account('max_file: 100M, max_mem: 64M'), 'KV_'],
    ['the canaries, in memory', account('max_file: 2G, max_mem: 1M'), 'max_memory of the account'],
    ['one stream too many', account('max_file: 2G, max_mem: 64M, max_streams: 3'), 'as many streams as it may'],
    ['a size that no stream may have', account('max_file: 2G, max_mem: 64M, disk_max_stream_bytes: 70M'), 'PTP_EVENTS'],
  ])('are refused when it is %s', async (_, settings, told) => {
    await start(settings);
    expect(await ensure(128 * MiB)).toContain(told);
  });

  it('are refused when a single server is asked for copies', async () => {
    await start('');
    expect(await ensure(MiB, 3)).toMatch(/STREAM_REPLICAS to 1/);
  });

  it('are no matter where they are there already', async () => {
    await start('jetstream { max_file_store: 420M }');
    expect(await ensure(16 * MiB)).toBe('made');
    await jsm.streams.add({ name: 'GREEDY', subjects: ['greedy'], storage: StorageType.File, max_bytes: 32 * MiB });
    expect(await ensure(128 * MiB)).toBe('made');
  });
});

describe('a service', () => {
  it.each(['collector', 'gateway'])('(%s) does not start without room for its streams, and says why', async (name) => {
    await start('jetstream { max_file_store: 420M }');
    const files = new NodeFiles();
    const vars = { ...collectorVars(broker.url, files), API_PORT: '0', EVENTS_MAX_BYTES: String(256 * MiB) };
    const { code, stderr } = await runToItsEnd(name, vars);
    files.remove();
    expect(code).toBe(1);
    expect(stderr).toMatch(
      new RegExp(`^${name} cannot start: .* stream PTP_EVENTS: it wants 268435456 bytes .*EVENTS_MAX_BYTES`, 'm'),
    );
  });
});

/** A service as a process that is expected to end by itself. Needs `npm run build`. */
function runToItsEnd(name: string, vars: Record<string, string>): Promise<{ code: number | null; stderr: string }> {
  const main = join(__dirname, `../dist/services/${name}/main.js`);
  const child = spawn(process.execPath, [main], {
    env: { PATH: process.env['PATH'], ...vars },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  endsWithTheTests(child);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stderr })));
}
