import { bus } from '../shared/contract/bus.js';
import { asList, asObject, BadMessage, readObject } from './untrusted.js';
import { WORDS } from './words.js';

/** A clock takes about 400 bytes; a bucket's value may have up to the broker's max_payload, 1 MiB by default. */
const MAX_BYTES = 1_048_576;
const MAX_RESOURCES = 64;
const MAX_CLOCKS = 1_024;

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
 * @param node whose key it is the value of
 */
export function readNodeState(bytes: Uint8Array, node: string): Map<string, Written> {
  const state = readObject(bytes, MAX_BYTES);
  if (state['node'] !== node) throw new BadMessage('the value is about another node than its key');
  const written = new Map<string, Written>();
  for (const one of asList(state['resources'], 'resources', MAX_RESOURCES)) {
    const { resource, data, clocks, lastEvent } = asObject(one, 'a resource');
    const words = typeof resource === 'string' ? WORDS.get(resource) : undefined;
    if (typeof resource !== 'string' || words === undefined) continue;
    const sequence = readSequence(asObject(lastEvent ?? {}, 'lastEvent')['sequence'] ?? '0');
    const known = resource === OVERALL ? overall(data) : readClocks(clocks);
    // What is none of the resource's words is no state of it.
    written.set(resource, { sequence, clocks: new Map([...known].filter(([, word]) => words.includes(word))) });
  }
  return written;
}

/**
 * Reads what an event says: its clock is in the header Ptp-Clock, which events have that were not made over REST.
 * undefined: nothing about a clock. Throws BadMessage.
 */
export function readTold(path: string, event: { sequence: string; data?: unknown }, clock: string): Told | undefined {
  const words = WORDS.get(path);
  if (words === undefined) return undefined;
  const sequence = readSequence(event.sequence);
  const [key, word] = [...(path === OVERALL ? overall(event.data) : headerClock(clock))][0] ?? [];
  return key === undefined ? undefined : { sequence, clock: key, word: words.find((one) => one === word) };
}

function readSequence(text: unknown): number {
  if (typeof text !== 'string' || !/^\d{1,20}$/.test(text)) throw new BadMessage('sequence is no decimal number');
  return Number(text);
}

function overall(data: unknown): Map<string, string> {
  const values = asList(asObject(data ?? {}, 'data')['values'], 'values', MAX_CLOCKS);
  const word = values.length === 0 ? undefined : asObject(values[0], 'a value')['value'];
  return typeof word === 'string' ? new Map([['', word]]) : new Map<string, string>();
}

const readClocks = (clocks: unknown): Map<string, string> =>
  new Map(asList(clocks, 'clocks', MAX_CLOCKS).map((one) => readClock(asObject(one, 'a clock'))));

function headerClock(text: string): Map<string, string> {
  return text === '' ? new Map<string, string>() : new Map([readClock(readObject(Buffer.from(text), MAX_BYTES))]);
}

function readClock({
  config,
  process,
  interface: iface,
  device = '',
  state,
}: Record<string, unknown>): [string, string] {
  const whose = [config, process, iface, device];
  if (![...whose, state].every((member) => typeof member === 'string')) {
    throw new BadMessage('a clock has no config, process, interface or state');
  }
  // One clock, whichever process of whichever configuration steers it.
  return [iface === CLOCK_REALTIME ? CLOCK_REALTIME : whose.join(' '), state as string];
}
