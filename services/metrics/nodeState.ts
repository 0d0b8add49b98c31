import { isBelievableSequence } from '../shared/believable.js';
import { bus } from '../shared/contract/bus.js';
import type { PtpEvent } from '../shared/event.js';
import { BadMessage, parseMessage } from '../shared/messageChecks.js';
import type { ClockRecord, EventData } from '../shared/messages.js';
import { WORDS } from './words.js';

/** The state words behind one resource, by clock, and the event that they are as of. */
export interface Written {
  sequence: number;
  clocks: Map<string, string>;
}

/** What an event says about one clock; without a word nothing is known of it any more. */
export interface Told {
  sequence: number;
  clock: string;
  word: string | undefined;
}

const CLOCK_REALTIME = 'CLOCK_REALTIME';

/** sync-state is about the node as a whole: it has no clocks of its own, its word is in the data. */
const OVERALL = bus.resources.syncState.path;

/**
 * Reads a value of ptp_states: what is known, by resource path; resources without state words are left out. Throws
 * BadMessage.
 * @param about node: whose key it is the value of; now: ms since 1970, so that no sequence far beyond it is believed
 */
export function readNodeState(bytes: Uint8Array, { node, now }: { node: string; now: number }): Map<string, Written> {
  const state = parseMessage('NodeState', bytes);
  if (state.node !== node) throw new BadMessage('the value is about another node than its key');
  const written = new Map<string, Written>();
  for (const { resource, data, clocks, lastEvent } of state.resources) {
    const words = WORDS.get(resource);
    if (words === undefined) continue;
    const known: [string, string][] =
      resource === OVERALL ? overall(data) : clocks.map((one) => [nameOf(one), one.state]);
    // What is none of the resource's words is no state of it.
    const clocksOfIt = new Map(known.filter(([, word]) => words.includes(word)));
    const { sequence = '' } = lastEvent ?? {};
    written.set(resource, { sequence: isBelievableSequence(sequence, now) ? Number(sequence) : 0, clocks: clocksOfIt });
  }
  return written;
}

/**
 * Reads what an event says: its clock is in the header Ptp-Clock, which events have that were not made over REST.
 * undefined: nothing about a clock. Throws BadMessage.
 * @param now ms since 1970: no sequence far beyond it is believed
 */
export function readTold(path: string, event: PtpEvent, clock: string, now: number): Told | undefined {
  const words = WORDS.get(path);
  if (words === undefined) return undefined;
  if (!isBelievableSequence(event.sequence, now)) throw new BadMessage(`sequence ${event.sequence} is nobody's`);
  const [key, word] = (path === OVERALL ? overall(event.data) : headerClock(clock))[0] ?? [];
  if (key === undefined) return undefined;
  return { sequence: Number(event.sequence), clock: key, word: words.find((one) => one === word) };
}

const overall = ({ values }: EventData): [string, string][] => values.slice(0, 1).map(({ value }) => ['', value]);

function headerClock(text: string): [string, string][] {
  if (text === '') return [];
  const record = parseMessage('Clock', text);
  return [[nameOf(record), record.state]];
}

/** One clock, whichever process of whichever configuration steers it. */
const nameOf = ({ config, process, interface: iface, device = '' }: ClockRecord): string =>
  iface === CLOCK_REALTIME ? CLOCK_REALTIME : [config, process, iface, device].join(' ');
