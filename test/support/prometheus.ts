import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Target } from '../../deploy/local/prometheus.mjs';
import { endsWithTheTests } from './childProcess.js';
import { eventually } from './eventually.js';
import { root } from './observability.js';
import { freePort } from './ports.js';

/** One series of an answer: of a range query all its values. */
export interface Series {
  metric: Record<string, string>;
  value?: [number, string];
  values?: [number, string][];
}

export interface Prometheus {
  url: string;
  /** The value as of now. Throws with the complaint of Prometheus. */
  query(expr: string): Promise<Series[]>;
  /** The values of the last minute, one a second. */
  queryRange(expr: string): Promise<Series[]>;
  /** Trace ids of the exemplars that lie behind an expression. */
  exemplars(expr: string): Promise<string[]>;
  close(): Promise<void>;
}

interface Answer<Data> {
  status: string;
  error?: string;
  data: Data;
}

const lastMinute = (): { start: string; end: string } => {
  const now = Date.now() / 1_000;
  return { start: String(now - 60), end: String(now) };
};

/** A real Prometheus with our rules that scrapes the given targets every second. */
export async function startPrometheus(targets: Record<string, Target>): Promise<Prometheus> {
  const { prometheusCommand, writePrometheusConfig } = await import('../../deploy/local/prometheus.mjs');
  const folder = mkdtempSync(join(tmpdir(), 'ptp-prometheus-'));
  const port = await freePort();
  const config = await writePrometheusConfig(root, folder, targets, 1);
  const [program = '', ...args] = prometheusCommand('prometheus', { config, folder, port });
  const child = spawn(program, args, { stdio: 'ignore' });
  endsWithTheTests(child);
  const gone = new Promise((resolve) => child.once('exit', resolve));
  const url = `http://127.0.0.1:${port}`;
  await eventually(async () => (await fetch(`${url}/-/ready`)).ok);

  const get = async <Data>(path: string, parameters: Record<string, string>): Promise<Data> => {
    const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`);
    const { status, error, data } = (await response.json()) as Answer<Data>;
    if (status !== 'success') throw new Error(`${parameters['query']}: ${error}`);
    return data;
  };
  return {
    url,
    query: async (query) => (await get<{ result: Series[] }>('query', { query })).result,
    queryRange: async (query) =>
      (await get<{ result: Series[] }>('query_range', { query, ...lastMinute(), step: '1' })).result,
    async exemplars(query) {
      const data = await get<{ exemplars: { labels: { trace_id?: string } }[] }[]>('query_exemplars', {
        query,
        ...lastMinute(),
      });
      return data.flatMap(({ exemplars }) => exemplars.flatMap(({ labels }) => labels.trace_id ?? []));
    },
    async close() {
      child.kill('SIGTERM');
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
