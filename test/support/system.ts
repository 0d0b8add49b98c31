import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { startBroker, type Broker } from './broker.js';
import { endsWithTheTests } from './childProcess.js';
import { collectorVars, type NodeFiles } from './collector.js';
import { eventually } from './eventually.js';
import { root } from './observability.js';
import { freePort } from './ports.js';

type Name = 'collector' | 'gateway' | 'metrics' | 'tracing';

export interface System {
  broker: Broker;
  /** host:port of its metrics, of each service. */
  address: Record<Name, string>;
  /** `…/api/ocloudNotifications/v1` */
  api: string;
  /** As a rollout does: stopped by SIGTERM, and started again on the same port. */
  restart(name: Name): Promise<void>;
  close(): Promise<void>;
}

/** Broker and all services as processes of their own, canaries and spans on. Needs `npm run build`. */
export async function startSystem(files: NodeFiles): Promise<System> {
  const broker = await startBroker();
  const [collector, gateway, metrics, tracing, otlp] = await Promise.all(Array.from({ length: 5 }, () => freePort()));
  const common = {
    ...collectorVars(broker.url, files),
    PATH: process.env['PATH'],
    ENDPOINT_POLICY: 'local',
    CANARY: 'true',
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${otlp}`,
    API_PORT: String(gateway),
    OTLP_PORT: String(otlp),
    QUERY_PORT: String(tracing),
    LOG_LEVEL: 'warn',
  };
  const metricsPorts: { [name in Name]?: number | undefined } = { collector, metrics };
  const address: System['address'] = {
    collector: `127.0.0.1:${collector}`,
    gateway: `127.0.0.1:${gateway}`,
    metrics: `127.0.0.1:${metrics}`,
    tracing: `127.0.0.1:${tracing}`,
  };
  const children = new Map<Name, ChildProcess>();

  const start = async (name: Name): Promise<void> => {
    const main = join(root, `dist/services/${name}/main.js`);
    if (!existsSync(main)) throw new Error(`${main} is not there: run npm run build first`);
    const port = metricsPorts[name];
    const env = { ...common, ...(port !== undefined && { METRICS_PORT: String(port) }) };
    const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'ignore', 'inherit'] });
    endsWithTheTests(child);
    children.set(name, child);
    await eventually(async () => (await fetch(`http://${address[name]}/readyz`)).ok);
  };
  const stop = async (name: Name): Promise<void> => {
    const child = children.get(name);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await gone;
  };
  const names: Name[] = ['tracing', 'metrics', 'collector', 'gateway'];
  await Promise.all(names.map(start));
  return {
    broker,
    address,
    api: `http://${address.gateway}/api/ocloudNotifications/v1`,
    async restart(name) {
      await stop(name);
      await start(name);
    },
    async close() {
      await Promise.all(names.map(stop));
      await broker.close();
    },
  };
}
