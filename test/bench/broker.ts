import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { removeFolder, temporaryFolder } from './folders.js';
import { Program } from './programs.js';
import { monotonicMs, until } from './waiting.js';

/** A nats-server of its own, its store in a temporary folder. */
export class Broker {
  readonly #dir: string;
  readonly url: string;
  program: Program;

  static async start(): Promise<Broker> {
    const dir = temporaryFolder();
    const program = launch(dir, -1);
    return new Broker(dir, await urlOf(dir), program);
  }

  private constructor(dir: string, url: string, program: Program) {
    this.#dir = dir;
    this.url = url;
    this.program = program;
  }

  /** Kills it and starts it on the same port, with the same store. Gives when it was started (CLOCK_MONOTONIC, ms). */
  async restart(): Promise<number> {
    await this.program.end('SIGKILL');
    for (const file of portsFiles(this.#dir)) rmSync(join(this.#dir, file));
    const startedMs = monotonicMs();
    this.program = launch(this.#dir, Number(new URL(this.url).port));
    await urlOf(this.#dir);
    return startedMs;
  }

  async end(): Promise<void> {
    await this.program.end('SIGKILL');
    removeFolder(this.#dir);
  }
}

function launch(dir: string, port: number): Program {
  const args = ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', join(dir, 'store'), '--ports_file_dir', dir];
  return new Program('broker', args, { program: process.env['NATS_SERVER'] ?? 'nats-server', isQuiet: true });
}

const portsFiles = (dir: string): string[] => readdirSync(dir).filter((name) => name.endsWith('.ports'));

/** nats-server writes `nats-server_<pid>.ports` once it listens. */
const urlOf = (dir: string): Promise<string> =>
  until('the broker listens', () => {
    const [file] = portsFiles(dir);
    if (file === undefined) return undefined;
    return (JSON.parse(readFileSync(join(dir, file), 'utf8')) as { nats: string[] }).nats[0];
  });
