import type { Clock } from '../../shared/clock.js';
import type { Logger } from '../../shared/log.js';
import type { SubscriptionRecord } from '../subscriptions/record.js';
import type { CurrentEvent } from './currentEvents.js';
import type { Delivery } from './delivery.js';
import type { LoggedEvent, SubjectFilter } from './log.js';

/** The log, as far as a subscription reads it. */
export interface Log {
  /** The tail's: everything up to here has been handed on. */
  readonly position: number;
  /** Retention has taken what is before this. */
  readonly firstStored: number;
  /** The first matching event at or after a position that is still in memory. */
  recent: (filter: SubjectFilter, from: number) => LoggedEvent | 'none' | 'older';
  /** The first one that the broker has. Rejects while it is away. */
  stored: (filter: SubjectFilter, from: number) => Promise<LoggedEvent | undefined>;
}

/** Where deliveries go; each comes back once, as `LaneSet.finished`. */
export interface Push {
  start: (delivery: Delivery) => void;
}

/** A resource of one node. */
export interface Target {
  node: string;
  path: string;
}

/** Who knows the current states. */
export interface StateSource {
  /** Asks a node for the state of a resource; `onAsk` is called when its turn has come, if `signal` allows. Never rejects. */
  askState: (node: string, path: string, onAsk: () => void, signal: AbortSignal) => Promise<CurrentEvent>;
  /** The resources of known nodes that a subscription is about; rejects while the broker is away. */
  targetsOf: (record: SubscriptionRecord) => Target[] | Promise<Target[]>;
}

/** What serving a subscription needs from the rest of the gateway. */
export interface SubscriberPorts extends StateSource {
  clock: Clock;
  log: Logger;
  random: () => number;
  /** Events that the lanes of one subscription hold at most; what comes beyond is found in the log. */
  heldLimit: number;
  events: Log;
  push: Push;
  /** Keeps what the consumer refused for good; rejects while the broker is away. */
  deadLetter: (delivery: Delivery, reason: string) => Promise<void>;
  onSettled: (delivery: Delivery, outcome: 'delivered' | 'retried' | 'dead_letter' | 'too_old') => void;
  /** Current states are due: the cursor has to say so. */
  onStatesDue: () => void;
  /** Retention has taken events that were still due; the current states are sent in their place. */
  onGap: (record: SubscriptionRecord) => void;
  /** The endpoint says that nobody is there any more. */
  onGone: (record: SubscriptionRecord) => void;
}
