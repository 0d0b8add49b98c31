import { existsSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import type { Clock } from '../shared/clock.js';
import { Doublings } from '../shared/doublings.js';
import type { Logger } from '../shared/log.js';
import { CannotStart } from '../shared/service.js';
import { LineSplitter } from './lineSplitter.js';

/** sun_path of Linux, without the closing zero. */
const MAX_PATH_BYTES = 107;
/** Each connection may hold one unfinished line, so this bounds the memory: 1 024 × 64 KiB. */
const MAX_CONNECTIONS = 1_024;
const PROBE_MS = 100;

/** How often it is looked whether the socket file is still there. */
const LOOK_MS = 1_000;

export interface LineReader {
  /** Lines of one connection, in their order; undefined stands for a line that was too long. */
  onLines: (lines: readonly (string | undefined)[]) => void;
  /** A process of the daemon has connected, or gone. */
  onConnections: (open: number, change: 'opened' | 'closed') => void;
}

/**
 * The socket that the daemon's processes write their lines to; each of them opens a connection of its own. A socket
 * that nobody listens on any more is taken over, and one whose file is deleted is made again.
 */
export class EventSocket {
  readonly #path: string;
  readonly #reader: LineReader;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #connections = new Set<Socket>();
  readonly #refusals: Doublings;
  #server: Server | undefined;
  #inode: number | undefined;
  #cancelLook: () => void = () => undefined;

  constructor(path: string, reader: LineReader, { clock, log }: { clock: Clock; log: Logger }) {
    this.#path = path;
    this.#reader = reader;
    this.#clock = clock;
    this.#log = log;
    this.#refusals = new Doublings(clock);
  }

  /** Throws CannotStart when the path is too long, another file, in use or not writable. */
  async listen(): Promise<void> {
    const bytes = Buffer.byteLength(this.#path);
    if (bytes > MAX_PATH_BYTES) {
      throw new CannotStart(`EVENT_SOCKET is ${bytes} bytes long, a socket path has at most 107: ${this.#path}`);
    }
    makeFolder(dirname(this.#path));
    const server = createServer((socket) => this.#accept(socket));
    server.maxConnections = MAX_CONNECTIONS;
    server.on('drop', () => {
      const open = this.#connections.size;
      this.#refusals.tell((times) => this.#log.warn({ open, times }, 'too many connections, one was refused'));
    });
    await takePath(server, this.#path);
    server.on('error', (err) =>
      this.#refusals.tell((times) => this.#log.error({ err, times }, 'cannot accept a connection'), 'error'),
    );
    this.#server = server;
    this.#inode = inodeOf(this.#path);
    this.#log.info({ path: this.#path }, 'listening for lines');
    this.#lookLater();
  }

  /** Ends every connection and removes the socket file. May be called again. */
  async close(): Promise<void> {
    this.#cancelLook();
    const closed = new Promise<void>((resolve) => {
      if (this.#server?.listening) this.#server.close(() => resolve());
      else resolve();
    });
    for (const socket of this.#connections) socket.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    this.#connections.add(socket);
    this.#reader.onConnections(this.#connections.size, 'opened');
    const splitter = new LineSplitter();
    socket.on('data', (chunk: Buffer) => {
      const lines = splitter.split(chunk);
      if (lines.length > 0) this.#reader.onLines(lines);
    });
    socket.on('error', (err) => this.#log.debug({ err }, 'connection broken'));
    socket.on('close', () => {
      this.#connections.delete(socket);
      this.#reader.onConnections(this.#connections.size, 'closed');
    });
  }

  #lookLater(): void {
    this.#cancelLook = this.#clock.wakeAt(this.#clock.monotonic() + LOOK_MS, () => void this.#look());
  }

  /** Processes that are connected stay so; without the file no other one could connect. */
  async #look(): Promise<void> {
    const inode = inodeOf(this.#path);
    if (inode === this.#inode) return this.#lookLater();
    if (inode !== undefined) {
      // Closing ours would delete theirs.
      this.#log.error({ path: this.#path }, 'another program has put its own file in the place of the socket');
      this.#inode = inode;
      return this.#lookLater();
    }
    this.#log.warn({ path: this.#path }, 'the socket file is gone, making it again');
    this.#server?.close();
    try {
      await this.listen();
    } catch (err) {
      this.#log.error({ err }, 'the socket cannot be made again, trying later');
      this.#lookLater();
    }
  }
}

function inodeOf(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.ino;
}

async function takePath(server: Server, path: string): Promise<void> {
  try {
    await bind(server, path);
    return;
  } catch (err) {
    const { code } = err as NodeJS.ErrnoException;
    if (code !== 'EADDRINUSE') throw new CannotStart(`${path} cannot be opened as a socket (${code})`, { cause: err });
  }
  if (!lstatSync(path).isSocket()) throw new CannotStart(`${path} is a file and no socket; it is left as it is`);
  if (await isListening(path)) {
    throw new CannotStart(`somebody listens on ${path} already, perhaps a second collector of this node`);
  }
  unlinkSync(path);
  try {
    await bind(server, path);
  } catch (err) {
    throw new CannotStart(`${path} cannot be taken over (${(err as NodeJS.ErrnoException).code})`, { cause: err });
  }
}

function bind(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    const end = (answer: boolean): void => {
      clearTimeout(timer);
      probe.destroy();
      resolve(answer);
    };
    // Not refused means that somebody is there, even if slow.
    const timer = setTimeout(() => end(true), PROBE_MS);
    probe.on('connect', () => end(true));
    probe.on('error', () => end(false));
  });
}

/** The daemon waits for a socket in a folder that perhaps nobody has made yet. Throws CannotStart. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  try {
    mkdirSync(folder);
  } catch (err) {
    const { code } = err as NodeJS.ErrnoException;
    throw new CannotStart(`the folder of EVENT_SOCKET, ${folder}, does not exist and cannot be made (${code})`, {
      cause: err,
    });
  }
}
