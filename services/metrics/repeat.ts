import { sleep, type Clock } from '../shared/clock.js';

/** Something that is done every so often. */
export interface Repeated {
  /** Does it now rather than later. */
  hurry: () => void;
  stop: () => void;
}

/** Does `step` at once, and again `everyMs` after it ended; a failed one after `againMs`, which `onFailure` is told first. */
export function repeat(
  clock: Clock,
  { everyMs, againMs = everyMs, onFailure }: { everyMs: number; againMs?: number; onFailure: (err: unknown) => void },
  step: () => Promise<void>,
): Repeated {
  let isStopped = false;
  let waiting = new AbortController();
  void (async () => {
    while (!isStopped) {
      waiting = new AbortController();
      const { signal } = waiting;
      const isDone = await step().then(
        () => true,
        (err: unknown) => {
          if (!isStopped) onFailure(err);
          return false;
        },
      );
      if (!isStopped) await sleep(clock, isDone ? everyMs : againMs, signal);
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
