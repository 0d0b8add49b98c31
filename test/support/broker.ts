import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endsWithTheTests, halt } from './childProcess.js';
import { eventually } from './eventually.js';

export interface Broker {
  url: string;
  /** Ends the server; its store stays. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Stops the process without ending it, until `resume`. */
  pause(): void;
  resume(): void;
  /** Starts it again on the same port with the same store. */
  restart(): Promise<void>;
  /** Removes its store; for one that was killed. */
  loseStore(): void;
  /** Ends it and removes its store. */
  close(): Promise<void>;
}

/**
 * A real nats-server with JetStream on a free port, its store in a temporary folder.
 * @param settings of its configuration file, beside port and store
 */
export async function startBroker(settings = ''): Promise<Broker> {
  const dir = mkdtempSync(join(tmpdir(), 'ptp-broker-'));
  writeFileSync(join(dir, 'nats.conf'), settings);
  let server = launch(dir, -1);
  const url = await portOf(dir);
  const port = Number(new URL(url).port);
  return {
    url,
    kill: (signal = 'SIGKILL') => end(server, signal),
    pause: () => halt(server.pid),
    resume: () => void server.kill('SIGCONT'),
    async restart() {
      await end(server, 'SIGKILL');
      // A killed server leaves its file behind; the next one's must be the only one.
      for (const file of portsFiles(dir)) rmSync(join(dir, file));
      server = launch(dir, port);
      await portOf(dir);
    },
    loseStore: () => rmSync(join(dir, 'store'), { recursive: true, force: true }),
    async close() {
      server.kill('SIGCONT');
      await end(server, 'SIGKILL');
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function launch(dir: string, port: number): ChildProcess {
  const path = `${process.env['PATH']}:/usr/sbin:/usr/local/sbin`;
  const flags = [
    '-a',
    '127.0.0.1',
    '-p',
    String(port),
    '-js',
    '-sd',
    join(dir, 'store'),
    '--ports_file_dir',
    dir,
    '-c',
    join(dir, 'nats.conf'),
  ];
  const server = spawn('nats-server', flags, { stdio: 'ignore', env: { ...process.env, PATH: path } });
  endsWithTheTests(server);
  return server;
}

const portsFiles = (dir: string): string[] => readdirSync(dir).filter((name) => name.endsWith('.ports'));

/** nats-server writes `nats-server_<pid>.ports` once it listens. */
async function portOf(dir: string): Promise<string> {
  return eventually(() => {
    const [file] = portsFiles(dir);
    if (file === undefined) return undefined;
    const { nats } = JSON.parse(readFileSync(join(dir, file), 'utf8')) as { nats: string[] };
    return nats[0];
  });
}

async function end(server: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const gone = new Promise((resolve) => server.once('exit', resolve));
  server.kill(signal);
  await gone;
}
