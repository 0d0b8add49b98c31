import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './support/eventually.js';
import { processesOf, startLocally, type LocalRun } from './support/localRun.js';
import { freePort } from './support/ports.js';

/** What the README promises. */
const STOP_MS = 5_000;

const listening = async (port = 0): Promise<Server> => {
  const server = createServer((_, response) => response.writeHead(204).end());
  await new Promise<void>((resolve) => void server.listen(port, '127.0.0.1', resolve));
  return server;
};
const portOf = (server: Server): number => (server.address() as AddressInfo).port;
const close = (server: Server): Promise<unknown> => new Promise((resolve) => void server.close(resolve));

/** The lock-state events that the demo consumer has printed. */
const lockStates = (run: LocalRun): { state: string | undefined; sequence: number }[] =>
  [...run.output().matchAll(/ lock-state +(\w+) .*sequence (\d+)/g)].map(([, state, sequence]) => ({
    state,
    sequence: Number(sequence),
  }));

const ready = (run: LocalRun): Promise<unknown> => eventually(() => run.output().includes('is ready after'));

/** What the start message links to is there; Prometheus has our rules and scrapes all services. */
async function lookAtPages(run: LocalRun): Promise<void> {
  const link = (name: string): string => new RegExp(`^  ${name} +(\\S+)`, 'm').exec(run.output())?.[1] ?? '';
  const prometheus = link('Prometheus');
  const ask = async <Data>(what: string): Promise<Data> =>
    ((await (await fetch(new URL(`/api/v1/${what}`, prometheus))).json()) as { data: Data }).data;

  expect((await fetch(prometheus)).status).toBe(200);
  const headers = { accept: 'text/html' };
  expect(await (await fetch(link('traces'), { headers })).text()).toMatch(/^<!doctype html>/i);
  expect(await (await fetch(link('metrics'))).text()).toContain('ptp_metrics_records_total');
  const { groups } = await ask<{ groups: { name: string }[] }>('rules');
  expect(groups.map(({ name }) => name)).toContain('ptp-delivery-alerts');
  await eventually(async () => {
    const { activeTargets } = await ask<{ activeTargets: { health: string }[] }>('targets');
    return activeTargets.length === 4 && activeTargets.every(({ health }) => health === 'up');
  }, 25_000);
}

describe('npm start', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'ptp-start-'));
  let consumer: Server;
  let settings: { DATA_DIR: string; API_PORT: string; CONSUMER_PORT: string };
  let subscriptions: string;
  /** Of a subscription that is there before and after. */
  let id: string;
  let lastSequence: number;

  beforeAll(async () => {
    consumer = await listening();
    const free = await listening();
    settings = { DATA_DIR: dataDir, API_PORT: String(portOf(free)), CONSUMER_PORT: String(await freePort()) };
    subscriptions = `http://127.0.0.1:${portOf(free)}/api/ocloudNotifications/v1/subscriptions`;
    await close(free);
  });

  // Nothing is left, unless the test has failed.
  afterEach(() => {
    for (const { pid } of processesOf(dataDir)) process.kill(pid, 'SIGKILL');
  });

  afterAll(async () => {
    consumer.closeAllConnections();
    await close(consumer);
    await eventually(() => processesOf(dataDir).length === 0);
    rmSync(dataDir, { recursive: true });
  });

  it('shows LOCKED, HOLDOVER and FREERUN at the demo consumer, links to the pages, and leaves nothing running after Ctrl-C', async () => {
    const run = startLocally(settings);
    await ready(run);
    const answer = await fetch(subscriptions, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        resource: '/cluster/node/demo-node/sync',
        endpointUri: `http://127.0.0.1:${portOf(consumer)}/`,
        secret: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
      }),
    });
    ({ id } = (await answer.json()) as { id: string });
    await Promise.all([lookAtPages(run), eventually(() => lockStates(run).length === 4, 25_000)]);
    expect(lockStates(run).map(({ state }) => state)).toEqual(['FREERUN', 'LOCKED', 'HOLDOVER', 'FREERUN']);
    // npm start itself, the broker, four services, Prometheus, the consumer and the replay.
    expect(processesOf(dataDir)).toHaveLength(9);
    expect(statSync(join(dataDir, 'secret.keys')).mode & 0o777).toBe(0o600);

    const asked = performance.now();
    run.signal('SIGINT');

    expect(await run.exitCode).toBe(0);
    expect(performance.now() - asked).toBeLessThan(STOP_MS);
    expect(processesOf(dataDir)).toEqual([]);
    expect(existsSync(join(dataDir, 'lock'))).toBe(false);
    expect(existsSync(join(dataDir, 'run/events.sock'))).toBe(false);
    lastSequence = Math.max(...lockStates(run).map(({ sequence }) => sequence));
  }, 60_000);

  it('finds its data again, refuses a second run in its folder, and ends with a service that is killed', async () => {
    const run = startLocally(settings);
    await ready(run);
    expect((await fetch(`${subscriptions}/${id}`)).status).toBe(200);
    // A service that had forgotten would count on from the time in milliseconds.
    const next = await eventually(() => lockStates(run).find(({ sequence }) => sequence > lastSequence));
    expect(next.sequence).toBeLessThan(lastSequence + 10);

    const second = startLocally({ ...settings, API_PORT: '1' });
    expect(await second.exitCode).toBe(1);
    expect(second.output()).toMatch(/^npm start runs here already \(process \d+\): [^\n]+\n$/);

    const collector = processesOf(dataDir).find(({ command }) => command.includes('collector/main.js'));
    process.kill(collector?.pid ?? 0, 'SIGKILL');

    expect(await run.exitCode).toBe(1);
    expect(run.output()).toMatch(/\nThe collector ended \(killed by SIGKILL\)\.\n$/);
    expect(processesOf(dataDir)).toEqual([]);
  });

  it('goes on without Prometheus and the demo, when they cannot start or end by themselves, and says so', async () => {
    const prometheus = join(dataDir, 'prometheus-that-fails');
    writeFileSync(prometheus, '#!/bin/sh\necho no room for my data >&2\nexit 3\n', { mode: 0o755 });
    const without = startLocally({ ...settings, PROMETHEUS: prometheus });
    await eventually(() => lockStates(without).length > 0);
    expect(without.output()).toMatch(
      /^ {2}Prometheus {4}none: Prometheus ended \(exit code 3\): no room for my data \(log: .*prometheus\.log\)\.$/m,
    );
    without.signal('SIGINT');
    expect(await without.exitCode).toBe(0);

    const run = startLocally(settings);
    await eventually(() => lockStates(run).length > 0);
    const end = (words: string): unknown =>
      process.kill(processesOf(dataDir).find(({ command }) => command.includes(words))?.pid ?? 0, 'SIGKILL');
    for (const [words, sentence] of [
      ['prometheus.yml', 'Prometheus ended (killed by SIGKILL). Everything else runs on.'],
      ['examples/replay.js', 'The replay of the recordings ended (killed by SIGKILL). Everything else runs on.'],
      ['examples/consumer.js', 'The demo consumer ended (killed by SIGKILL). Everything else runs on.'],
    ] as const) {
      end(words);
      await eventually(() => run.output().includes(`\n${sentence}\n`));
    }
    expect((await fetch(subscriptions)).status).toBe(200);
    run.signal('SIGINT');
    expect(await run.exitCode).toBe(0);
    expect(processesOf(dataDir)).toEqual([]);
  }, 60_000);

  it('serves its demo over TLS to who shows a token, where the gateway has a certificate and tokens', async () => {
    const tokens = join(dataDir, 'tokens.yaml');
    const token = 'a-token-of-the-demo-0123';
    writeFileSync(tokens, JSON.stringify([{ name: 'demo', token, roles: ['subscriber'] }]));
    const tls = join(__dirname, 'fixtures/tls');
    const secure = {
      ...settings,
      API_TLS_CERT: join(tls, 'first.crt'),
      API_TLS_KEY: join(tls, 'first.key'),
      API_TOKENS_FILE: tokens,
    };
    const run = startLocally({ ...secure, API_TOKEN: token });
    await eventually(() => lockStates(run).length > 0);
    expect(run.output()).toMatch(/^ {2}REST API v1 {3}https:/m);
    run.signal('SIGINT');
    expect(await run.exitCode).toBe(0);

    const without = startLocally(secure);
    await eventually(() => without.output().includes('Everything else runs on.'));
    expect(without.output()).toMatch(
      /\nThe demo consumer ended \(exit code 1\): not subscribed at https:.*: 401 .*API_TOKEN/,
    );
    without.signal('SIGINT');
    expect(await without.exitCode).toBe(0);
  }, 60_000);

  it('takes its processes along when it is killed, and starts again', async () => {
    const killed = startLocally(settings);
    await ready(killed);
    killed.signal('SIGKILL');
    await killed.exitCode;
    await eventually(() => processesOf(dataDir).length === 0);

    const run = startLocally(settings);
    await ready(run);
    run.signal('SIGTERM');
    expect(await run.exitCode).toBe(0);
  });

  it('can be stopped while it starts', async () => {
    const run = startLocally(settings);
    await eventually(() => processesOf(dataDir).some(({ command }) => command.includes('gateway/main.js')));
    run.signal('SIGINT');
    expect(await run.exitCode).toBe(0);
    expect(run.output()).toBe('Stopping …\n');
    expect(processesOf(dataDir)).toEqual([]);
    expect(existsSync(join(dataDir, 'lock'))).toBe(false);
  });

  describe('says in one sentence why it cannot start:', () => {
    it('a port in use', async () => {
      const port = portOf(consumer);
      const run = startLocally({ ...settings, API_PORT: String(port) });
      expect(await run.exitCode).toBe(1);
      expect(run.output()).toBe(`Port ${port} is already in use: free it, or set API_PORT to another one.\n`);
      expect(existsSync(join(dataDir, 'lock'))).toBe(false);
    });

    it.each([
      [
        'a folder that cannot be written',
        { DATA_DIR: '/proc/version/data' },
        /^Cannot write to \/proc\/version\/data /,
      ],
      ['no nats-server', { NATS_SERVER: '/nowhere/nats-server' }, /^NATS_SERVER names no program: /],
      ['no broker', { NATS_URL: 'nats://127.0.0.1:1' }, /^No broker answers at NATS_URL=.*: connection refused\.$/],
      [
        'a setting that is wrong',
        { API_PORT: 'web' },
        /^Cannot start: API_PORT must be a port from 1 to 65535, got "web"/,
      ],
      [
        'settings of several parts that are wrong, each once',
        { METRICS_PORT: '0', LOG_LEVEL: 'loud', STALE_AFTER: 'soon', API_RATE: '-1', TRACE_KEEP_RATIO: '2' },
        /^Cannot start:\n {2}METRICS_PORT must .*\n {2}STALE_AFTER must .*\n {2}LOG_LEVEL must .*\n {2}API_RATE must .*\n {2}TRACE_KEEP_RATIO must .*$/,
        6,
      ],
      ['no Prometheus where one is named', { PROMETHEUS: '/nowhere/prometheus' }, /^PROMETHEUS names no program: /],
    ])('%s', async (_, wrong, sentence, lines = 1) => {
      const run = startLocally({ ...settings, ...wrong });
      expect(await run.exitCode).toBe(1);
      expect(run.output().trimEnd()).toMatch(sentence);
      expect(run.output().trimEnd().split('\n')).toHaveLength(lines);
    });

    it('and leaves no folders behind', async () => {
      const folder = join(dataDir, 'second/data');
      const run = startLocally({ ...settings, DATA_DIR: folder, API_PORT: String(portOf(consumer)) });
      expect(await run.exitCode).toBe(1);
      expect(existsSync(join(dataDir, 'second'))).toBe(false);
    });

    it('an option that is none', async () => {
      const run = startLocally(settings, '--nodemo');
      expect(await run.exitCode).toBe(1);
      expect(run.output()).toMatch(/^Unknown option --nodemo\./);
    });
  });
});
