import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Target } from '../../deploy/local/prometheus.mjs';
import { endsWithTheTests } from './childProcess.js';
import { eventually } from './eventually.js';
import { root } from './observability.js';
import { freePort } from './ports.js';

export interface Prometheus {
  url: string;
  /** The `data` of an answer of its HTTP API, /api/v1/<path>. Throws what it complains about. */
  ask<T>(path: string, query?: Record<string, string>): Promise<T>;
  close(): Promise<void>;
}

/** A real Prometheus with exemplar storage that scrapes these `127.0.0.1` ports five times a second. */
export const startPrometheus = (jobs: Record<string, number>): Promise<Prometheus> =>
  launch((dir) => {
    const config = {
      global: { scrape_interval: '200ms', scrape_timeout: '200ms' },
      scrape_configs: Object.entries(jobs).map(([job_name, port]) => ({
        job_name,
        static_configs: [{ targets: [`127.0.0.1:${port}`] }],
      })),
    };
    // JSON is YAML.
    writeFileSync(join(dir, 'prometheus.yml'), JSON.stringify(config));
  });

/** A real Prometheus with our configuration and rules that scrapes the given targets every second. */
export const startOurPrometheus = (targets: Record<string, Target>): Promise<Prometheus> =>
  launch(async (dir) => {
    const { writePrometheusConfig } = await import('../../deploy/local/prometheus.mjs');
    await writePrometheusConfig(root, dir, targets, 1);
  });

async function launch(writeConfig: (dir: string) => void | Promise<void>): Promise<Prometheus> {
  const { prometheusCommand } = await import('../../deploy/local/prometheus.mjs');
  const dir = mkdtempSync(join(tmpdir(), 'ptp-prometheus-'));
  await writeConfig(dir);
  const port = await freePort();
  const options = { config: join(dir, 'prometheus.yml'), folder: dir, port };
  const [program = '', ...flags] = prometheusCommand('prometheus', options);
  const server = spawn(program, flags, { stdio: 'ignore' });
  endsWithTheTests(server);
  const url = `http://127.0.0.1:${port}`;
  await eventually(async () => (await fetch(`${url}/-/ready`)).ok);
  return {
    url,
    async ask<T>(path: string, query = {}) {
      const answer = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(query).toString()}`);
      const { status, data, error } = (await answer.json()) as { status: string; data: T; error?: string };
      if (status !== 'success') throw new Error(error);
      return data;
    },
    async close() {
      const gone = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGKILL');
      await gone;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** One series of an answer; of a range query all its values. */
export interface Series {
  metric: Record<string, string>;
  value?: [time: number, value: string];
  values?: [time: number, value: string][];
}

const lastMinute = (): { start: string; end: string } => {
  const now = Date.now() / 1_000;
  return { start: String(now - 60), end: String(now) };
};

/** The value of an expression as of now. */
export const query = async (prometheus: Prometheus, expr: string): Promise<Series[]> =>
  (await prometheus.ask<{ result: Series[] }>('query', { query: expr })).result;

/** Its values in the last minute, one a second. */
export const queryRange = async (prometheus: Prometheus, expr: string): Promise<Series[]> =>
  (await prometheus.ask<{ result: Series[] }>('query_range', { query: expr, ...lastMinute(), step: '1' })).result;

/** Trace ids of the exemplars that lie behind an expression. */
export async function exemplars(prometheus: Prometheus, expr: string): Promise<string[]> {
  const found = await prometheus.ask<{ exemplars: { labels: { trace_id?: string } }[] }[]>('query_exemplars', {
    query: expr,
    ...lastMinute(),
  });
  return found.flatMap((one) => one.exemplars.flatMap(({ labels }) => labels.trace_id ?? []));
}
