import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The built project: this file is `dist/test/bench/programs.js`. */
export const ROOT = join(__dirname, '../../..');

const running = new Set<ChildProcess>();
// However the benchmark ends, nothing that it started goes on.
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** A process that is measured from outside. */
export class Program {
  readonly name: string;
  readonly child: ChildProcess;
  readonly #gone: Promise<void>;

  /** @param args of node, or with `program` of another executable */
  constructor(
    name: string,
    args: string[],
    { env = {}, program = process.execPath, ipc = false, isQuiet = false }: ProgramOptions = {},
  ) {
    this.name = name;
    const path = `${process.env['PATH']}:/usr/sbin:/usr/local/sbin`;
    this.child = spawn(program, args, {
      env: { PATH: path, ...env },
      stdio: ['ignore', 'pipe', isQuiet ? 'ignore' : 'inherit', ...(ipc ? (['ipc'] as const) : [])],
    });
    // Logs are nobody's business here; a pipe that nobody reads would block the program.
    this.child.stdout?.resume();
    running.add(this.child);
    this.#gone = new Promise((resolve) =>
      this.child.once('exit', () => {
        running.delete(this.child);
        resolve();
      }),
    );
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** The first line that it prints. Rejects when it ends before. */
  firstLine(): Promise<string> {
    return new Promise((resolve, reject) => {
      let text = '';
      this.child.stdout?.setEncoding('utf8').on('data', (more: string) => {
        text += more;
        if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')));
      });
      this.child.once('exit', (code) => reject(new Error(`${this.name} ended with ${code}: ${text}`)));
    });
  }

  /** Processor time so far, user and system, of all its threads, in us (`/proc/<pid>/task/<tid>/schedstat`). */
  cpuUs(): number {
    const tasks = `/proc/${this.pid}/task`;
    let ns = 0;
    for (const task of readdirSync(tasks)) {
      try {
        ns += Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]);
      } catch {
        // a thread that has ended in this moment
      }
    }
    return ns / 1_000;
  }

  /** Resident memory in MB (10^6 bytes). */
  rssMb(): number {
    const [, kilobytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8')) ?? [];
    return (Number(kilobytes) * 1_024) / 1e6;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill(signal);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 5_000);
    await this.#gone;
    clearTimeout(timer);
  }
}

interface ProgramOptions {
  env?: Record<string, string>;
  program?: string;
  ipc?: boolean;
  /** What it says on standard error is left out. */
  isQuiet?: boolean;
}

/** A program of this folder or below it. */
export const benchProgram = (name: string, file: string, args: string[] = [], ipc = false): Program =>
  new Program(name, [join(__dirname, file), ...args], { ipc });
