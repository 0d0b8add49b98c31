import { lstatSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Logger } from '../shared/log.js';
import { CannotStart } from '../shared/service.js';
import { LineSplitter } from './lineSplitter.js';

/** sun_path of Linux, without the closing zero. */
const MAX_PATH_BYTES = 107;
/** Each connection may hold one unfinished line, so this bounds the memory: 1 024 × 64 KiB. */
const MAX_CONNECTIONS = 1_024;
const PROBE_MS = 100;

export interface LineReader {
  /** Lines of one connection, in their order; undefined stands for a line that was too long. */
  onLines: (lines: readonly (string | undefined)[]) => void;
  onConnections: (open: number) => void;
}

export interface EventSocket {
  close: () => Promise<void>;
}

/**
 * Listens for the daemon's processes; each of them opens a connection of its own and writes lines. A socket that nobody
 * listens on any more is taken over. Throws CannotStart when the path is too long, another file, in use or not
 * writable.
 */
export async function listenOnSocket(path: string, reader: LineReader, log: Logger): Promise<EventSocket> {
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw new CannotStart(
      `EVENT_SOCKET is ${Buffer.byteLength(path)} bytes long, a socket path has at most 107: ${path}`,
    );
  }
  const connections = new Set<Socket>();
  const server = createServer((socket) => {
    connections.add(socket);
    reader.onConnections(connections.size);
    const splitter = new LineSplitter();
    socket.on('data', (chunk: Buffer) => {
      const lines = splitter.split(chunk);
      if (lines.length > 0) reader.onLines(lines);
    });
    socket.on('error', (err) => log.debug({ err }, 'connection broken'));
    socket.on('close', () => {
      connections.delete(socket);
      reader.onConnections(connections.size);
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on('drop', () => log.warn({ open: connections.size }, 'too many connections, one was refused'));
  await takePath(server, path);
  server.on('error', (err) => log.error({ err }, 'cannot accept a connection'));
  log.info({ path }, 'listening for lines');
  return {
    close: () =>
      new Promise((resolve) => {
        // Removes the socket file too.
        server.close(() => resolve());
        for (const socket of connections) socket.destroy();
      }),
  };
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
