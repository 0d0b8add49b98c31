import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';

export interface LocalRun {
  /** All that was printed so far. */
  output(): string;
  signal(signal: NodeJS.Signals): void;
  /** The exit code; null when it was killed. */
  exitCode: Promise<number | null>;
}

/** What `npm start` runs, with the given settings alone. */
export function startLocally(settings: NodeJS.ProcessEnv, ...args: string[]): LocalRun {
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...settings };
  const run = spawn(process.execPath, ['deploy/local/start.mjs', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [run.stdout, run.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      output += text;
    });
  }
  return {
    output: () => output,
    signal: (signal) => void run.kill(signal),
    exitCode: once(run, 'close').then(([code]) => code as number | null),
  };
}

/** Command lines of the processes that have a data folder in their environment or on their command line. */
export function processesOf(dataDir: string): { pid: number; command: string }[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    try {
      const [command, environment] = ['cmdline', 'environ'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'utf8'));
      if (command === undefined || !`${command}${environment}`.includes(dataDir)) return [];
      return [{ pid: Number(pid), command: command.replaceAll('\0', ' ') }];
    } catch {
      return []; // gone in this moment
    }
  });
}
