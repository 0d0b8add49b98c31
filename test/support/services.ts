import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { startGateway } from '../../services/gateway/app.js';
import { readConfig } from '../../services/gateway/config.js';
import { systemClock, type Clock } from '../../services/shared/clock.js';
import { Lifecycle } from '../../services/shared/lifecycle.js';
import type { Deps } from '../../services/shared/service.js';
import { endsWithTheTests } from './childProcess.js';
import { eventually } from './eventually.js';

/** What a service is given in a test: its own registry and lifecycle, and an error that stops the test. */
export function testDeps(clock: Clock = systemClock): Deps & { failures: Error[] } {
  const log = pino({ level: process.env['TEST_LOG'] ?? 'silent' });
  const failures: Error[] = [];
  return {
    log,
    life: new Lifecycle(log),
    registry: new Registry(),
    clock,
    fail: (err) => failures.push(err),
    failures,
  };
}

export interface Gateway {
  /** `http://127.0.0.1:<port>` */
  url: string;
  /** `…/api/ocloudNotifications/v1` */
  api: string;
  deps: ReturnType<typeof testDeps>;
  /** As SIGTERM does. */
  stop(): Promise<void>;
}

const gatewayVars = (brokerUrl: string): Record<string, string> => ({
  NATS_URL: brokerUrl,
  LISTEN_HOST: '127.0.0.1',
  ENDPOINT_POLICY: 'local',
  EVENTS_MAX_BYTES: String(64 * 1024 * 1024),
  API_RATE: '0',
  SECRET_KEYS: Buffer.alloc(32, 5).toString('base64'),
});

/** A gateway in this process. */
export async function startTestGateway(
  brokerUrl: string,
  vars: Record<string, string> = {},
  clock: Clock = systemClock,
): Promise<Gateway> {
  const deps = testDeps(clock);
  const config = readConfig({ ...gatewayVars(brokerUrl), API_PORT: '0', ...vars });
  const { apiPort } = await startGateway(config, deps);
  const url = `http://127.0.0.1:${apiPort}`;
  return { url, api: `${url}/api/ocloudNotifications/v1`, deps, stop: () => deps.life.stop() };
}

/** A gateway as a process of its own, for tests that kill it. Needs `npm run build`. */
export async function spawnGateway(
  brokerUrl: string,
  apiPort: number,
  vars: Record<string, string> = {},
): Promise<{ api: string; pid: number; kill(signal: NodeJS.Signals): Promise<number | null> }> {
  const main = join(__dirname, '../../dist/services/gateway/main.js');
  if (!existsSync(main)) throw new Error(`${main} is not there: run npm run build first`);
  const env = {
    PATH: process.env['PATH'],
    ...gatewayVars(brokerUrl),
    API_PORT: String(apiPort),
    LOG_LEVEL: 'warn',
    ...vars,
  };
  const child: ChildProcess = spawn(process.execPath, [main], { env, stdio: 'ignore' });
  endsWithTheTests(child);
  const url = `http://127.0.0.1:${apiPort}`;
  await eventually(async () => (await fetch(`${url}/readyz`)).ok);
  return {
    api: `${url}/api/ocloudNotifications/v1`,
    pid: child.pid ?? 0,
    async kill(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const gone = new Promise<number | null>((resolve) => child.once('exit', resolve));
      child.kill(signal);
      return gone;
    },
  };
}

/** Subscribes and gives the answer back. */
export const subscribe = (api: string, resource: string, endpointUri: string, more: object = {}): Promise<Response> =>
  fetch(`${api}/subscriptions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resource, endpointUri, ...more }),
  });
