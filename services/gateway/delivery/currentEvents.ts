import { checkedEvent, newTraceparent, type PtpEvent } from '../../shared/event.js';
import { resourceAddress } from '../../shared/subjects.js';
import type { StateAnswer } from '../states.js';
import { Slots } from './slots.js';

/** Nodes that are asked at the same time: a thousand at once took the broker a quarter of a second. */
const ASKED_AT_ONCE = 256;

/** A node's current state in the form of an event. */
export type CurrentEvent =
  | { kind: 'current'; event: PtpEvent }
  /** Nothing was ever known: its first event will be the first thing there is to say. */
  | { kind: 'unknown' }
  /** The node does not answer, or does not vouch for its state: a remembered state is never sent as if current. */
  | { kind: 'silent' };

/** Rejects while the broker is away. */
type Ask = (node: string, path: string, signal: AbortSignal) => Promise<StateAnswer>;

/** Asks nodes for their current state, as subscriptions are sent it. */
export class CurrentEvents {
  readonly #ask: Ask;
  readonly #slots = new Slots(ASKED_AT_ONCE);

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /**
   * Never rejects.
   * @param onAsk called when the node is asked
   * @param signal nobody waits for the answer any more
   */
  async of(node: string, path: string, onAsk: () => void, signal: AbortSignal): Promise<CurrentEvent> {
    const giveBack = await this.#slots.take(signal);
    if (giveBack === undefined) return { kind: 'silent' };
    try {
      onAsk();
      return currentEvent(await this.#ask(node, path, signal), resourceAddress(node, path));
    } catch {
      // The broker is away, or the answer is none: anybody may have given it.
      return { kind: 'silent' };
    } finally {
      giveBack();
    }
  }
}

/** It carries id, time and sequence of the last event, which it is current to, and the values as of now. */
function currentEvent(answer: StateAnswer, source: string): CurrentEvent {
  if (answer.kind === 'unknown') return { kind: 'unknown' };
  if (answer.kind === 'stale') return { kind: 'silent' };
  const { type, data, lastEvent } = answer.state;
  // Its first event is on its way to the log, and may have passed the tail by the time this answer is here.
  if (lastEvent === undefined) return { kind: 'silent' };
  const { id, time, sequence } = lastEvent;
  const traceparent = newTraceparent();
  const event = checkedEvent({ specversion: '1.0', id, source, type, time, sequence, traceparent, data }, source);
  return { kind: 'current', event };
}
