import type { NatsConnection } from '@nats-io/transport-node';
import { sleep, type Clock } from '../shared/clock.js';
import type { Logger } from '../shared/log.js';

const EVERY_MS = 60_000;
/** After a failure: the broker is away, or its store is not ready yet. */
const RETRY_MS = 1_000;

interface UpkeepDeps {
  broker: Pick<NatsConnection, 'status'>;
  clock: Clock;
  log: Logger;
}

/**
 * Does something every 60 s, and at once when the broker is back: streams and buckets may be gone by then, and a watch on
 * one that was made anew would never say a word. Returns how to stop.
 * @param step rejects when it has to be done again
 */
export function startUpkeep({ broker, clock, log }: UpkeepDeps, step: () => Promise<void>): () => Promise<void> {
  const stopping = new AbortController();
  let due = new AbortController();
  void (async () => {
    for await (const { type } of broker.status()) if (type === 'reconnect') due.abort();
  })();
  const running = (async () => {
    let pauseMs = EVERY_MS;
    for (;;) {
      await sleep(clock, pauseMs, AbortSignal.any([due.signal, stopping.signal]));
      if (stopping.signal.aborted) return;
      // What comes while the step runs is due after it.
      due = new AbortController();
      try {
        await step();
        pauseMs = EVERY_MS;
      } catch (err) {
        if (pauseMs === EVERY_MS) log.warn({ err }, 'could not look after streams and subscriptions, trying again');
        pauseMs = RETRY_MS;
      }
    }
  })();
  return () => {
    stopping.abort();
    return running;
  };
}
