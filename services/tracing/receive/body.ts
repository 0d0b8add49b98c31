import type { IncomingMessage } from 'node:http';
import { gunzipSync } from 'node:zlib';
import type { Clock } from '../../shared/clock.js';
import { Refused } from './refused.js';

/** A request may have so many bytes, compressed or not. Exporters send 512 spans at a time: less than a tenth of it. */
export const MAX_BODY_BYTES = 4 * 1_024 * 1_024;
/** All bodies that are being read may have so many bytes together. */
const MAX_WAITING_BYTES = 32 * 1_024 * 1_024;
/** Time a client has to send its body. */
export const BODY_MS = 10_000;
const RETRY_AFTER_S = 1;

/** Reads the bodies of requests, in bounded memory whatever clients do. */
export class Bodies {
  readonly #clock: Clock;
  #waitingBytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A body as it was sent, and unpacked. Throws Refused 400, 408, 413, 415, 503. */
  async read(req: IncomingMessage): Promise<Buffer> {
    const coding = (req.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
    if (coding !== 'gzip' && coding !== 'identity') {
      throw new Refused(415, `content-encoding must be gzip or identity, got ${coding}`, { 'accept-encoding': 'gzip' });
    }
    if (Number(req.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw tooLarge();
    const body = await this.#collect(req);
    return coding === 'gzip' ? unpacked(body) : body;
  }

  #collect(req: IncomingMessage): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      const cancel = this.#clock.wakeAt(this.#clock.monotonic() + BODY_MS, () =>
        end(new Refused(408, `the body must come within ${BODY_MS / 1_000} s`, { connection: 'close' })),
      );
      const end = (refused?: Refused): void => {
        cancel();
        this.#waitingBytes -= bytes;
        bytes = 0;
        for (const [event, listener] of Object.entries(listeners)) req.off(event, listener);
        // What still comes is thrown away, so that a client that is still sending gets to read the answer; Node ends
        // what never ends.
        req.resume();
        if (refused) reject(refused);
        else resolve(Buffer.concat(chunks));
      };
      const listeners: Record<string, (chunk: Buffer) => void> = {
        data: (chunk) => {
          bytes += chunk.length;
          this.#waitingBytes += chunk.length;
          if (bytes > MAX_BODY_BYTES) return end(tooLarge());
          if (this.#waitingBytes > MAX_WAITING_BYTES) return end(overloaded());
          chunks.push(chunk);
        },
        end: () => end(),
        close: () => end(new Refused(400, 'the body ended early')),
        error: () => end(new Refused(400, 'the body ended early')),
      };
      for (const [event, listener] of Object.entries(listeners)) req.on(event, listener);
    });
  }
}

/** At once and not aside, so that one unpacked body is in memory at a time. */
function unpacked(body: Buffer): Buffer {
  try {
    return gunzipSync(body, { maxOutputLength: MAX_BODY_BYTES });
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge();
    throw new Refused(400, 'the body is not gzip, or ends early');
  }
}

const tooLarge = (): Refused => new Refused(413, `a request may have ${MAX_BODY_BYTES} bytes, also when unpacked`);

const overloaded = (): Refused =>
  new Refused(503, 'too many requests are being read', { 'retry-after': String(RETRY_AFTER_S) });
