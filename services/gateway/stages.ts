import type { DeliveryOutcome } from '../shared/messages.js';
import type { Delivery } from './delivery/delivery.js';
import type { LoggedEvent } from './delivery/log.js';
import type { AttemptResult } from './push/result.js';

/** Why an attempt has no answer. */
export type NoAnswer = 'timeout' | 'connection' | 'stopped';

/**
 * What can be heard of an event's way through this gateway. Whoever measures listens; nobody on the way waits for a
 * listener, and a listener must not throw.
 */
export interface DeliveryListener {
  /** The tail has brought an event, and so many subscriptions are sent it. */
  matched(event: LoggedEvent, matches: number): void;
  /** A POST goes out. */
  attempted(delivery: Delivery): void;
  /** There is an answer, its status, or there will be none. */
  answered(delivery: Delivery, answer: number | NoAnswer): void;
  /** The attempt has come to its end. */
  finished(delivery: Delivery, result: AttemptResult): void;
  /** The delivery has come to its end. */
  settled(delivery: Delivery, outcome: DeliveryOutcome): void;
}

/** Hears nothing: for listeners that want to hear one thing. */
export const silent: DeliveryListener = {
  matched() {},
  attempted() {},
  answered() {},
  finished() {},
  settled() {},
};

/** Tells each of them, in their order. */
export function tellAll(listeners: readonly DeliveryListener[]): DeliveryListener {
  return {
    matched(event, matches) {
      for (const listener of listeners) listener.matched(event, matches);
    },
    attempted(delivery) {
      for (const listener of listeners) listener.attempted(delivery);
    },
    answered(delivery, answer) {
      for (const listener of listeners) listener.answered(delivery, answer);
    },
    finished(delivery, result) {
      for (const listener of listeners) listener.finished(delivery, result);
    },
    settled(delivery, outcome) {
      for (const listener of listeners) listener.settled(delivery, outcome);
    },
  };
}
