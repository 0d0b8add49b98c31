/**
 * Plays log files of linuxptp into the collector's socket, at the pace of the stamps in their lines: in the place of a
 * node's daemon. The stamps themselves are made anew, as if the line had just been written.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const USAGE = `Usage: node dist/examples/replay.js --socket PATH [options] FILE...

Each file goes over a connection of its own; all are started together, over and over.

  --socket PATH   the collector's socket (default: the environment variable EVENT_SOCKET)
  --seconds N     only the first N seconds of each file; a lap lasts N seconds (default: the longest file, and 1 s)
  --laps N        end after N laps (default: never)
  --speed N       N times as fast (default: 1)
  --help          this text

Example: node dist/examples/replay.js --socket .data/run/events.sock --laps 1 test/fixtures/recordings/offset-lines.log
`;
const RECONNECT_MS = 1_000;

export interface TimedLine {
  /** Milliseconds since the file's first line. */
  atMs: number;
  line: string;
}

/** The lines of a log with their times. A line without a stamp comes together with the one before it. */
export function timedLines(log: string, seconds = Infinity): TimedLine[] {
  let firstMs: number | undefined;
  let atMs = 0;
  const lines = log.split('\n').filter((line) => line !== '');
  const timed = lines.map((line) => {
    const stamp = /^\w+\[(\d+(?:\.\d+)?)\]/.exec(line)?.[1]; // phc2sys[3270.690]: …
    if (stamp !== undefined) {
      const stampMs = Math.round(Number(stamp) * 1_000);
      firstMs ??= stampMs;
      atMs = stampMs - firstMs;
    }
    return { atMs, line };
  });
  return timed.filter((one) => one.atMs < seconds * 1_000);
}

/**
 * The line with the time of now for its stamp: CLOCK_MONOTONIC in seconds, as linuxptp writes it. A recorded stamp is of
 * another machine's clock, and the line would seem to have been on its way for hours.
 */
export function stampedAt(line: string, monotonicMs: number): string {
  return line.replace(/^(\w+\[)\d+\.\d{3}\]/, `$1${(Math.floor(monotonicMs) / 1_000).toFixed(3)}]`);
}

/** A connection that comes back; what is written meanwhile is lost, as it is when the daemon finds no listener. */
export class Connection {
  readonly #path: string;
  #socket: Socket | undefined;
  #isClosed = false;
  /** Resolves when somebody has listened for the first time. */
  readonly connected: Promise<void>;

  constructor(path: string) {
    this.#path = path;
    this.connected = new Promise((resolve) => this.#connect(resolve));
  }

  async write(line: string): Promise<void> {
    const socket = this.#socket;
    // A listener that does not read makes us wait, as it would the daemon.
    if (socket?.write(`${line}\n`) === false) await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.end();
  }

  #connect(onConnect?: () => void): void {
    const socket = connect(this.#path);
    socket.once('connect', () => {
      this.#socket = socket;
      onConnect?.();
      console.log(`connected to ${this.#path}`);
    });
    socket.once('error', (err) => console.log(err.message));
    socket.once('close', () => {
      this.#socket = undefined;
      if (!this.#isClosed) setTimeout(() => this.#connect(onConnect), RECONNECT_MS);
    });
  }
}

/** Plays one file once; `speed` 2 is twice as fast. */
export async function play(lines: TimedLine[], to: Pick<Connection, 'write'>, speed: number): Promise<void> {
  const start = performance.now();
  for (const { atMs, line } of lines) {
    const waitMs = atMs / speed - (performance.now() - start);
    if (waitMs > 0) await pause(waitMs);
    await to.write(stampedAt(line, Number(process.hrtime.bigint()) / 1e6));
  }
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      socket: { type: 'string', default: process.env['EVENT_SOCKET'] ?? '' },
      seconds: { type: 'string' },
      laps: { type: 'string', default: 'Infinity' },
      speed: { type: 'string', default: '1' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const laps = Number(values.laps);
  const speed = Number(values.speed);
  const seconds = values.seconds === undefined ? undefined : Number(values.seconds);
  if (values.socket === '' || positionals.length === 0) throw new Error('a socket and at least one file are needed');
  if (!(laps > 0 && speed > 0 && (seconds ?? 1) > 0)) throw new Error('--laps, --speed and --seconds are numbers > 0');

  // Whoever read what we print has gone, as in `… | head`.
  process.stdout.on('error', () => process.exit());
  const files = positionals.map((path) => timedLines(readFileSync(path, 'utf8'), seconds));
  if (files.every((lines) => lines.length === 0)) throw new Error(`no lines in ${positionals.join(', ')}`);
  const lapMs =
    seconds === undefined ? Math.max(...files.map((lines) => lines.at(-1)?.atMs ?? 0)) + 1_000 : seconds * 1_000;
  const played = files.map((lines) => ({ lines, connection: new Connection(values.socket) }));
  await Promise.all(played.map(({ connection }) => connection.connected));
  for (let lap = 1; lap <= laps; lap += 1) {
    console.log(`lap ${lap}`);
    await Promise.all([
      ...played.map(({ lines, connection }) => play(lines, connection, speed)),
      lap < laps && pause(lapMs / speed),
    ]);
  }
  for (const { connection } of played) connection.close();
}

if (require.main === module) {
  main().catch((err: Error) => {
    process.stderr.write(`${err.message}\n\n${USAGE}`);
    process.exitCode = 2;
  });
}
