import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { startMetrics } from '../../services/metrics/app.js';
import { readConfig } from '../../services/metrics/config.js';
import type { Clock } from '../../services/shared/clock.js';
import { bus } from '../../services/shared/contract/bus.js';
import type { GatewayReport, LatencyRecord } from '../../services/shared/messages.js';
import { gatewaySubject, latencySubject } from '../../services/shared/subjects.js';
import { endsWithTheTests } from './childProcess.js';
import { eventually } from './eventually.js';
import { FakeClock } from './fakeClock.js';
import { freePort } from './ports.js';
import { testDeps } from './services.js';

export interface TestMetrics<C extends Clock = FakeClock> {
  port: number;
  deps: ReturnType<typeof testDeps>;
  clock: C;
  /** Series of a scrape, `name{label="value",…}`, with their values; with a name only those of it. */
  scrape(name?: string): Promise<Map<string, number>>;
  /** As SIGTERM does. */
  stop(): Promise<void>;
}

export const metricsVars = (brokerUrl: string): Record<string, string> => ({
  NATS_URL: brokerUrl,
  LISTEN_HOST: '127.0.0.1',
  METRICS_PORT: '0',
});

/**
 * A metrics service in this process, on a clock that only the test moves. It begins with the time as it is, since collectors
 * on the clock of the machine speak of no other.
 */
export async function startTestMetrics<C extends Clock = FakeClock>(
  brokerUrl: string,
  options: { clock?: C; vars?: Record<string, string> } = {},
): Promise<TestMetrics<C>> {
  const clock = options.clock ?? (new FakeClock({ startsAt: new Date().toISOString() }) as Clock as C);
  const deps = testDeps(clock);
  const { port } = await startMetrics(readConfig({ ...metricsVars(brokerUrl), ...options.vars }), deps);
  return {
    port,
    deps,
    clock,
    scrape: (name) => scrape(`http://127.0.0.1:${port}`, name),
    stop: () => deps.life.stop(),
  };
}

export interface MetricsProcess {
  /** `http://127.0.0.1:<port>` */
  url: string;
  pid: number;
  /** Exit code, or null when the signal ended it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** A metrics service as a process of its own; it lives, but waits for the broker where there is none. Needs `npm run build`. */
export async function spawnMetrics(brokerUrl: string): Promise<MetricsProcess> {
  const main = join(__dirname, '../../dist/services/metrics/main.js');
  if (!existsSync(main)) throw new Error(`${main} is not there: run npm run build first`);
  const port = await freePort();
  const env = { PATH: process.env['PATH'], ...metricsVars(brokerUrl), METRICS_PORT: String(port), LOG_LEVEL: 'warn' };
  const child = spawn(process.execPath, [main], { env, stdio: 'ignore' });
  endsWithTheTests(child);
  const url = `http://127.0.0.1:${port}`;
  await eventually(async () => (await fetch(`${url}/livez`)).ok);
  return {
    url,
    pid: child.pid ?? 0,
    async end(signal) {
      const gone = new Promise<number | null>((resolve) => child.once('exit', resolve));
      child.kill(signal);
      return gone;
    },
  };
}

/** As `TestMetrics.scrape`, of any service. */
export async function scrape(url: string, name?: string): Promise<Map<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const samples = text.split('\n').flatMap((line): [string, number][] => {
    const [, series = '', family, value] = /^((\w+)(?:\{.*?\})?) (\S+)/.exec(line) ?? [];
    return family === undefined || (name !== undefined && name !== family) ? [] : [[series, Number(value)]];
  });
  return new Map(samples);
}

/** Says on the bus what collectors and gateways say. */
export interface Speaker {
  broker: NatsConnection;
  latency(more?: Partial<LatencyRecord>): void;
  gateway(more?: Partial<GatewayReport>): void;
  close(): Promise<void>;
}

export async function connectSpeaker(brokerUrl: string): Promise<Speaker> {
  const broker = await connect({ servers: brokerUrl });
  return {
    broker,
    latency(more = {}) {
      const record: LatencyRecord = {
        node: 'n1.example.com',
        resource: bus.resources.lockState.path,
        traffic: 'event',
        outcome: 'delivered',
        weight: 1,
        stages: {},
        hops: [],
        ...more,
      };
      broker.publish(latencySubject(record.node), JSON.stringify(record));
    },
    gateway(more = {}) {
      const report: GatewayReport = {
        scope: 'cluster',
        gateway: 'g1',
        isReading: true,
        tailSequence: 5,
        lastSequence: 7,
        subscriptions: 3,
        behind: 1,
        oldestUndeliveredSeconds: 2,
        nodes: 4,
        cursorAgeSeconds: 0.5,
        ...more,
      };
      broker.publish(gatewaySubject(report.scope), JSON.stringify(report));
    },
    close: () => broker.close(),
  };
}
