import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** One process of the PTP daemon: a connection to the event socket that lines are written to. */
export interface Daemon {
  write(...lines: string[]): Promise<void>;
  /** As it is, without a newline added. */
  writeRaw(bytes: string | Buffer): Promise<void>;
  /** Resolves when the other side has closed the connection. */
  closed: Promise<void>;
  end(): void;
}

export async function connectDaemon(socketPath: string): Promise<Daemon> {
  const socket: Socket = connect(socketPath);
  await once(socket, 'connect');
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  // A write can meet a collector that has just been stopped; `closed` tells so.
  socket.on('error', () => undefined);
  const writeRaw = (bytes: string | Buffer): Promise<void> =>
    new Promise((resolve, reject) => socket.write(bytes, (err) => (err ? reject(err) : resolve())));
  return {
    write: (...lines) => writeRaw(lines.map((line) => `${line}\n`).join('')),
    writeRaw,
    closed,
    end: () => socket.end(),
  };
}
