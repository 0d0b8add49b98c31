import { parseMessage } from '../shared/messageChecks.js';

/** Ten years: a sequence that is no time in ms says nothing. */
const LONGEST_LIFE_MS = 3_650 * 86_400_000;

/**
 * How long a node had lived when its value was written: the sequences of a resource begin at the time in ms of its first event
 * ever. undefined: the value does not tell. Throws BadMessage.
 */
export function readLifeMs(bytes: Uint8Array): number | undefined {
  const { writtenAt, resources } = parseMessage('NodeState', bytes);
  const sequences = resources.map(({ lastEvent }) => Number(lastEvent?.sequence ?? NaN));
  const livedMs = Date.parse(writtenAt) - Math.min(...sequences.filter((sequence) => Number.isFinite(sequence)));
  return livedMs >= 0 && livedMs < LONGEST_LIFE_MS ? livedMs : undefined;
}
