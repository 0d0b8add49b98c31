import { sleep, type Clock } from '../shared/clock.js';

/** Something that is done every so often. */
export interface Repeated {
  /** Does it now rather than later. */
  hurry: () => void;
  stop: () => void;
}

/** Does `step` at once, and again `everyMs` after it ended; a failed one after `againMs`, which `onFailure` is told, and whether the one before had succeeded. */
export function repeat(
  clock: Clock,
  {
    everyMs,
    againMs = everyMs,
    onFailure,
  }: { everyMs: number; againMs?: number; onFailure: (err: unknown, isFirst: boolean) => void },
  step: () => Promise<void>,
): Repeated {
  let isStopped = false;
  let isFailing = false;
  let waiting = new AbortController();
  void (async () => {
    while (!isStopped) {
      waiting = new AbortController();
      const { signal } = waiting;
      try {
        await step();
        isFailing = false;
      } catch (err) {
        if (!isStopped) onFailure(err, !isFailing);
        isFailing = true;
      }
      if (!isStopped) await sleep(clock, isFailing ? againMs : everyMs, signal);
    }
  })();
  return {
    hurry: () => waiting.abort(),
    stop() {
      isStopped = true;
      waiting.abort();
    },
  };
}
