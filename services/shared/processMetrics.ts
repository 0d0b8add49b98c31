import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Counter, Gauge, type Registry } from 'prom-client';
import { gaugeOf } from './instruments.js';

/**
 * What every service says of its process and build, under the names that Prometheus client libraries share (`process_*`,
 * `nodejs_*`) and `ptp_build_info`. prom-client's own set is not used: it runs a timer and an observer all the time on every
 * node, and walks all handles at each scrape; these are read when they are asked for.
 * @param service collector, gateway, metrics or tracing
 */
export function declareProcessMetrics(registry: Registry, service: string): void {
  const gauge = (name: string, help: string, read: () => number | undefined): Gauge =>
    gaugeOf(registry, name, help, read);
  new Gauge({
    name: 'ptp_build_info',
    help: '1; version of ptp-event-bus and of Node that the service runs.',
    labelNames: ['version', 'node_version', 'service'],
    registers: [registry],
  }).set({ version: version(), node_version: process.versions.node, service }, 1);
  void new Counter({
    name: 'process_cpu_seconds_total',
    help: 'CPU time of the process, user and system.',
    registers: [registry],
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1_000_000);
    },
  });
  void new Counter({
    name: 'nodejs_eventloop_time_seconds_total',
    help: 'Time that the event loop was at work (active) or waited (idle).',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      const { active, idle } = performance.eventLoopUtilization();
      this.reset();
      this.inc({ state: 'active' }, active / 1_000);
      this.inc({ state: 'idle' }, idle / 1_000);
    },
  });
  gauge(
    'process_start_time_seconds',
    'When the process started, seconds since 1970.',
    () => performance.timeOrigin / 1_000,
  );
  gauge('process_resident_memory_bytes', 'Memory of the process.', () => process.memoryUsage.rss());
  gauge('process_open_fds', 'Open files and sockets; absent where the system does not tell.', openFiles);
  gauge('nodejs_heap_size_used_bytes', 'Heap in use.', () => process.memoryUsage().heapUsed);
  gauge('nodejs_heap_size_total_bytes', 'Heap taken from the system.', () => process.memoryUsage().heapTotal);
  gauge('nodejs_external_memory_bytes', 'Memory outside of the heap: buffers.', () => process.memoryUsage().external);
}

/** Without the one that the count itself takes. */
function openFiles(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length - 1;
  } catch {
    return undefined;
  }
}

/** That of the package the code is part of, built or not; `unknown` where it was copied without its package.json. */
function version(): string {
  for (let folder = __dirname; ; folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { version?: string }).version ?? 'unknown';
    if (folder === dirname(folder)) return 'unknown';
  }
}
