import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { Counter } from 'prom-client';
import { startCollector } from '../../services/collector/app.js';
import { readConfig } from '../../services/collector/config.js';
import type { Logger } from '../../services/shared/log.js';
import type { Clock } from '../../services/shared/clock.js';
import type { PtpEvent } from '../../services/shared/event.js';
import { connectDaemon, type Daemon } from './daemon.js';
import { FakeClock } from './fakeClock.js';
import { testDeps } from './services.js';

export const NODE = 'compute-1.example.com';

export interface Thresholds {
  holdOverTimeout?: number;
  maxOffsetThreshold?: number;
  minOffsetThreshold?: number;
}

/** The files of one node in a temporary folder: a profile with one configuration, and the path of the event socket. */
export class NodeFiles {
  readonly dir = mkdtempSync(join(tmpdir(), 'ptp-node-'));
  readonly socket = join(this.dir, 'events.sock');
  readonly configDir = join(this.dir, 'run');
  readonly profileDir = join(this.dir, 'linuxptp');

  constructor(thresholds: Thresholds = {}, ports = ['ens1f0']) {
    mkdirSync(this.configDir);
    mkdirSync(this.profileDir);
    this.writeProfile([{ name: 'oc', ptp4lOpts: '-2', phc2sysOpts: '-a -r', ptpClockThreshold: thresholds }]);
    this.writeConfig('ptp4l.0.config', `#profile: oc\n\n[global]\n${ports.map((port) => `[${port}]\n`).join('')}`);
  }

  writeProfile(profiles: object[]): void {
    writeFileSync(join(this.profileDir, NODE), JSON.stringify(profiles));
  }

  writeConfig(name: string, text: string): void {
    writeFileSync(join(this.configDir, name), text);
  }

  removeConfig(name: string): void {
    rmSync(join(this.configDir, name));
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export interface TestCollector<C extends Clock = FakeClock> {
  deps: ReturnType<typeof testDeps>;
  clock: C;
  connect(): Promise<Daemon>;
  /** Lines read so far; with a reason only those. */
  linesRead(outcome?: string): Promise<number>;
  /** Writes the lines and waits until they have been taken in. */
  feed(daemon: Daemon, ...lines: string[]): Promise<void>;
  /** As SIGTERM does. */
  stop(): Promise<void>;
}

/** A collector in this process, on real sockets and a clock that only the test moves. */
export async function startTestCollector<C extends Clock = FakeClock>(
  brokerUrl: string,
  files: NodeFiles,
  options: { clock?: C; vars?: Record<string, string>; log?: Logger } = {},
): Promise<TestCollector<C>> {
  const clock = options.clock ?? (new FakeClock() as Clock as C);
  const deps = { ...testDeps(clock), ...(options.log && { log: options.log }) };
  try {
    await startCollector(readConfig({ ...collectorVars(brokerUrl, files), ...options.vars }), deps);
  } catch (err) {
    await deps.life.stop();
    throw err;
  }
  const linesRead = async (outcome?: string): Promise<number> => {
    const { values } = await (deps.registry.getSingleMetric('ptp_collector_lines_total') as Counter).get();
    const wanted = values.filter(({ labels }) => outcome === undefined || labels['outcome'] === outcome);
    return wanted.reduce((sum, { value }) => sum + value, 0);
  };
  return {
    deps,
    clock,
    connect: () => connectDaemon(files.socket),
    linesRead,
    async feed(daemon, ...lines) {
      const wanted = (await linesRead()) + lines.length;
      await daemon.write(...lines);
      while ((await linesRead()) < wanted) await turn();
    },
    stop: () => deps.life.stop(),
  };
}

export const collectorVars = (brokerUrl: string, files: NodeFiles): Record<string, string> => ({
  NATS_URL: brokerUrl,
  NODE_NAME: NODE,
  EVENT_SOCKET: files.socket,
  PTP_CONFIG_DIR: files.configDir,
  PTP_PROFILE_PATH: files.profileDir,
  LISTEN_HOST: '127.0.0.1',
  METRICS_PORT: '0',
  EVENTS_MAX_BYTES: String(64 * 1024 * 1024),
});

export interface RecordedLine {
  line: string;
  /** Seconds of CLOCK_MONOTONIC in ms, as linuxptp stamped it. */
  atMs: number;
}

/** The lines of a recording in test/fixtures/recordings. */
export function readRecording(name: string): RecordedLine[] {
  const text = readFileSync(join(__dirname, '../fixtures/recordings', name), 'utf8');
  let atMs = 0;
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      // ptp4l[2151.372]: …; a line of the daemon itself has seconds since 1970, and comes with its neighbour.
      const stamp = /^\w+\[(\d+\.\d{3})\]/.exec(line)?.[1];
      if (stamp !== undefined) atMs = Math.round(Number(stamp) * 1_000);
      return { line, atMs };
    });
}

/** Plays a recording at its own spacing, by the clock of the test. Ends with silence of the given length. */
export async function play(collector: TestCollector, recording: RecordedLine[], silenceMs = 20_000): Promise<void> {
  const daemon = await collector.connect();
  let last = recording[0]?.atMs ?? 0;
  for (const { line, atMs } of recording) {
    collector.clock.advance({ ms: Math.max(atMs - last, 0) });
    last = Math.max(last, atMs);
    await collector.feed(daemon, line);
  }
  collector.clock.advance({ ms: silenceMs });
  daemon.end();
}

/** `FREERUN(-575) 13.36`: state, offset, seconds since the start of the clock. */
export function describeEvent({ data, time }: PtpEvent, startedAt: number): string {
  const [state, offset] = data?.values ?? [];
  return `${state?.value}${offset ? `(${offset.value})` : ''} ${inSeconds(Date.parse(time) - startedAt)}`;
}

/** With two decimals, rounded as the table of the recordings is. */
export const inSeconds = (ms: number): string => (Math.round(ms / 10) / 100).toFixed(2);
