import { setTimeout as pause } from 'node:timers/promises';
import { createServer } from 'node:net';

/** Looks again and again until `look` gives something that is not undefined, null, false or an error. */
export async function until<T>(what: string, look: () => T | Promise<T>, withinMs = 120_000): Promise<NonNullable<T>> {
  const endMs = performance.now() + withinMs;
  for (;;) {
    let last: unknown;
    try {
      const seen = await look();
      if (seen !== undefined && seen !== null && seen !== false) return seen;
    } catch (err) {
      last = err;
    }
    if (performance.now() > endMs) throw new Error(`${what}: not within ${withinMs / 1_000} s`, { cause: last });
    await pause(5);
  }
}

/** Waits for HTTP 200. */
export const untilOk = (url: string): Promise<boolean> => until(url, async () => (await fetch(url)).ok);

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** ms of CLOCK_MONOTONIC, which all processes of this machine share. */
export const monotonicMs = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000;
