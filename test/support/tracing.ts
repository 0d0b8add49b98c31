import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Clock } from '../../services/shared/clock.js';
import { startTracing } from '../../services/tracing/app.js';
import { readConfig } from '../../services/tracing/config.js';
import { endsWithTheTests } from './childProcess.js';
import { eventually } from './eventually.js';
import { freePort } from './ports.js';
import { testDeps } from './services.js';

/** A tracing service in this process. */
export interface TestTracing {
  /** `http://127.0.0.1:<port>` of the OTLP receiver, and of the queries. */
  otlp: string;
  query: string;
  deps: ReturnType<typeof testDeps>;
  post(body: object | Uint8Array | string, headers?: Record<string, string>): Promise<Response>;
  /** The value of a series, 0 when it is not there. */
  metric(series: string): Promise<number>;
  stop(): Promise<void>;
}

export async function startTestTracing(vars: Record<string, string> = {}, clock?: Clock): Promise<TestTracing> {
  const deps = testDeps(clock);
  const config = readConfig({ LISTEN_HOST: '127.0.0.1', OTLP_PORT: '0', QUERY_PORT: '0', ...vars });
  const { otlpPort, queryPort } = await startTracing(config, deps);
  const otlp = `http://127.0.0.1:${otlpPort}`;
  const query = `http://127.0.0.1:${queryPort}`;
  return {
    otlp,
    query,
    deps,
    post: (body, headers = {}) => postSpans(otlp, body, headers),
    metric: (series) => metricOf(query, series),
    stop: () => deps.life.stop(),
  };
}

/** Posts a request: an object as JSON, bytes as they are. */
export const postSpans = (
  otlp: string,
  body: object | Uint8Array | string,
  headers: Record<string, string> = {},
): Promise<Response> =>
  fetch(`${otlp}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
  });

export async function metricOf(query: string, series: string): Promise<number> {
  const lines = (await (await fetch(`${query}/metrics`)).text()).split('\n');
  const line = lines.find((one) => one.startsWith(`${series} `));
  return Number(line?.slice(series.length) ?? 0);
}

export interface TracingProcess {
  otlp: string;
  query: string;
  otlpPort: number;
  /** Resident memory in bytes: now, and the most it ever was. */
  memory(): { now: number; peak: number };
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** A tracing service as a process of its own, with the real clock. Needs `npm run build`. */
export async function spawnTracing(vars: Record<string, string> = {}): Promise<TracingProcess> {
  const main = join(__dirname, '../../dist/services/tracing/main.js');
  if (!existsSync(main)) throw new Error(`${main} is not there: run npm run build first`);
  const [otlpPort, queryPort] = [await freePort(), await freePort()];
  const env = {
    PATH: process.env['PATH'],
    LISTEN_HOST: '127.0.0.1',
    OTLP_PORT: String(otlpPort),
    QUERY_PORT: String(queryPort),
    LOG_LEVEL: 'warn',
    ...vars,
  };
  const child = spawn(process.execPath, [main], { env, stdio: 'ignore' });
  endsWithTheTests(child);
  const query = `http://127.0.0.1:${queryPort}`;
  await eventually(async () => (await fetch(`${query}/readyz`)).ok);
  const kilobytes = (name: string): number => {
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
  };
  return {
    otlp: `http://127.0.0.1:${otlpPort}`,
    query,
    otlpPort,
    memory: () => ({ now: kilobytes('VmRSS') * 1_024, peak: kilobytes('VmHWM') * 1_024 }),
    async end(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const gone = new Promise<number | null>((resolve) => child.once('exit', resolve));
      child.kill(signal);
      return gone;
    },
  };
}

/** A backend that spans are forwarded to. */
export interface Backend {
  url: string;
  requests: { path: string; headers: IncomingHttpHeaders; body: Buffer }[];
  /** What it answers from now on; `silence`: nothing. */
  answer: { status: number; headers?: Record<string, string> } | 'silence';
  close(): Promise<void>;
}

export async function startBackend(): Promise<Backend> {
  const backend: Backend = { url: '', requests: [], answer: { status: 200 }, close: () => Promise.resolve() };
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      backend.requests.push({ path: req.url ?? '', headers: req.headers, body: Buffer.concat(chunks) });
      if (backend.answer === 'silence') return;
      res.writeHead(backend.answer.status, backend.answer.headers).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  backend.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  backend.close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return backend;
}
