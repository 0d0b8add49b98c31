import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { monotonicMs } from './waiting.js';

/** A configuration in which every line of `line()` changes the state of one clock. */
export const MAX_OFFSET_NS = 100_000;
const PROFILE = [
  {
    name: 'bench',
    ptp4lOpts: '-2',
    phc2sysOpts: '',
    ptpClockThreshold: { maxOffsetThreshold: MAX_OFFSET_NS, minOffsetThreshold: -MAX_OFFSET_NS, holdOverTimeout: 5 },
  },
];

/** Writes what linuxptp-daemon writes for one ordinary clock with the port ens1f0. */
export function writeNodeFiles(configDir: string, profileDir: string, node: string): void {
  mkdirSync(configDir, { recursive: true });
  mkdirSync(profileDir, { recursive: true });
  writeFileSync(join(configDir, 'ptp4l.0.config'), '#profile: bench\n\n[global]\n[ens1f0]\n');
  writeFileSync(join(profileDir, node), JSON.stringify(PROFILE));
}

/** Turns of the counter before a key comes again. */
const KEYS = MAX_OFFSET_NS;

/**
 * The i-th line (i from 1): an offset in range and one beyond it in turn, so that each changes lock-state and sync-state.
 * The offset names the line (below a million: some references print larger ones with an exponent).
 */
export function line(i: number): string {
  const key = (i % (KEYS - 1)) + 1;
  const offset = i % 2 === 0 ? key - 1 : KEYS + key;
  return `ptp4l[${(i / 100).toFixed(3)}]: [ptp4l.0.config] master offset ${offset} s2 freq   -5120 path delay       312\n`;
}

/** The number of the line behind an offset, modulo the turns of the counter. */
export const keyOf = (offset: number): number => (offset >= KEYS ? offset - KEYS : offset + 1);
export const keyOfLine = (i: number): number => (i % (KEYS - 1)) + 1;

/** The daemon's ptp4l: one connection to the event socket. */
export class Daemon {
  readonly #socket: Socket;
  #next = 1;

  static connect(path: string): Promise<Daemon> {
    return new Promise((resolve, reject) => {
      const socket = connect(path, () => {
        socket.write('ptp4l[0.1]: [ptp4l.0.config] port 1 (ens1f0): UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED\n');
        resolve(new Daemon(socket));
      });
      socket.once('error', reject);
    });
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    // A collector that is killed breaks the connection: whoever needs the daemon then connects anew.
    socket.on('error', () => {});
  }

  /** Begins at another line; lines keep their order of states only when they go on. */
  get next(): number {
    return this.#next;
  }

  set next(i: number) {
    this.#next = i;
  }

  /** Writes lines at an even pace. Gives when each was written: key → ms. */
  async paced(count: number, perSecond: number): Promise<Map<number, number>> {
    const written = new Map<number, number>();
    const startMs = monotonicMs();
    for (let n = 0; n < count; n += 1) {
      const dueMs = startMs + (n * 1_000) / perSecond;
      const leftMs = dueMs - monotonicMs();
      if (leftMs > 0) await pause(leftMs);
      written.set(keyOfLine(this.#next), monotonicMs());
      this.#socket.write(line(this.#next));
      this.#next += 1;
    }
    return written;
  }

  /** Writes lines as fast as they are taken. Gives when the first was written. */
  burst(count: number): number {
    const lines = Array.from({ length: count }, (_, n) => line(this.#next + n)).join('');
    this.#next += count;
    const startedMs = monotonicMs();
    this.#socket.write(lines);
    return startedMs;
  }

  close(): void {
    this.#socket.destroy();
  }
}
