import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endsWithTheTests } from './childProcess.js';
import { eventually } from './eventually.js';
import { freePort } from './ports.js';

export interface Prometheus {
  url: string;
  /** The `data` of an answer of its HTTP API, /api/v1/<path>. Throws what it complains about. */
  ask<T>(path: string, query?: Record<string, string>): Promise<T>;
  close(): Promise<void>;
}

/** A real Prometheus with exemplar storage that scrapes these `127.0.0.1` ports five times a second. */
export async function startPrometheus(jobs: Record<string, number>): Promise<Prometheus> {
  const dir = mkdtempSync(join(tmpdir(), 'ptp-prometheus-'));
  const config = {
    global: { scrape_interval: '200ms', scrape_timeout: '200ms' },
    scrape_configs: Object.entries(jobs).map(([job_name, port]) => ({
      job_name,
      static_configs: [{ targets: [`127.0.0.1:${port}`] }],
    })),
  };
  // JSON is YAML.
  writeFileSync(join(dir, 'prometheus.yml'), JSON.stringify(config));
  const port = await freePort();
  const flags = [
    `--config.file=${join(dir, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(dir, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--enable-feature=exemplar-storage',
    '--log.level=error',
  ];
  const server = spawn('prometheus', flags, { stdio: 'ignore' });
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
