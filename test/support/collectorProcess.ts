import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { collectorVars, type NodeFiles } from './collector.js';
import { eventually } from './eventually.js';
import { freePort } from './ports.js';
import { endsWithTheTests } from './childProcess.js';

export interface CollectorProcess {
  /** `http://127.0.0.1:<port>` of its metrics. */
  url: string;
  /** Resident memory in bytes: now, and the most it ever was. */
  memory(): { now: number; peak: number };
  /** CPU time used so far, in seconds. */
  cpuSeconds(): number;
  /** Exit code, or null when the signal ended it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** A collector as a process of its own, with the real clock. Needs `npm run build`. */
export async function spawnCollector(brokerUrl: string, files: NodeFiles): Promise<CollectorProcess> {
  const main = join(__dirname, '../../dist/services/collector/main.js');
  if (!existsSync(main)) throw new Error(`${main} is not there: run npm run build first`);
  const port = await freePort();
  const env = {
    PATH: process.env['PATH'],
    ...collectorVars(brokerUrl, files),
    METRICS_PORT: String(port),
    LOG_LEVEL: 'warn',
  };
  const child = spawn(process.execPath, [main], { env, stdio: 'ignore' });
  endsWithTheTests(child);
  const url = `http://127.0.0.1:${port}`;
  await eventually(async () => (await fetch(`${url}/readyz`)).ok);
  const kilobytes = (name: string): number => {
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
  };
  return {
    url,
    memory: () => ({ now: kilobytes('VmRSS') * 1_024, peak: kilobytes('VmHWM') * 1_024 }),
    cpuSeconds() {
      const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      // utime and stime, in ticks of 10 ms.
      return (Number(fields[11]) + Number(fields[12])) / 100;
    },
    async end(signal) {
      const gone = new Promise<number | null>((resolve) => child.once('exit', resolve));
      child.kill(signal);
      return gone;
    },
  };
}
