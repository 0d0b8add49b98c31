import { writeSync } from 'node:fs';

/** A pipe that is full is waited for this long, and not again before it has taken something. */
const FULL_PIPE = { waits: 10, ms: 10 };

/**
 * Where the log goes. What cannot be written (the disk is full, nobody reads any more) is lost, and the service goes on:
 * the first line that can be written again comes behind one that says how many are missing.
 */
export class LogOutput {
  readonly #service: string;
  readonly #put: (bytes: Uint8Array) => number;
  #lost = 0;
  /** The last line is there in part. */
  #isCut = false;

  /** @param put writes, and gives how much of it; throws when it cannot */
  constructor(service: string, put: (bytes: Uint8Array) => number = (bytes) => writeSync(1, bytes)) {
    this.#service = service;
    this.#put = put;
  }

  write(line: string): void {
    const missing = this.#lost === 0 ? '' : this.#lostLine();
    this.#lost = this.#write(Buffer.from(`${this.#isCut ? '\n' : ''}${missing}${line}`)) ? 0 : this.#lost + 1;
  }

  /** Whether all of it was written. */
  #write(bytes: Uint8Array): boolean {
    let at = 0;
    let waits = this.#lost > 0 ? 0 : FULL_PIPE.waits;
    while (at < bytes.length) {
      try {
        at += this.#put(bytes.subarray(at));
      } catch (err) {
        if ((err as NodeJS.ErrnoException).code !== 'EAGAIN' || waits === 0) break;
        waits -= 1;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE.ms);
      }
    }
    if (at > 0) this.#isCut = at < bytes.length;
    return at === bytes.length;
  }

  #lostLine(): string {
    const line = { level: 'warn', time: new Date().toISOString(), service: this.#service, lines: this.#lost };
    return `${JSON.stringify({ ...line, msg: 'lines of this log are missing: they could not be written' })}\n`;
  }
}
