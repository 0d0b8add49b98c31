import { asList, asObject, readObject } from './untrusted.js';

const MAX_BYTES = 1_048_576;
const MAX_RESOURCES = 64;
/** Ten years: a sequence that is no time in ms says nothing. */
const LONGEST_LIFE_MS = 3_650 * 86_400_000;

/**
 * How long a node had lived when its value was written: the sequences of a resource begin at the time in ms of its first event
 * ever. undefined: the value does not tell. Throws
 * BadMessage.
 */
export function readLifeMs(bytes: Uint8Array): number | undefined {
  const { writtenAt, resources } = readObject(bytes, MAX_BYTES);
  const writtenMs = typeof writtenAt === 'string' ? Date.parse(writtenAt) : NaN;
  const sequences = asList(resources, 'resources', MAX_RESOURCES).map((one) =>
    Number(asObject(asObject(one, 'a resource')['lastEvent'] ?? {}, 'lastEvent')['sequence'] ?? NaN),
  );
  const livedMs = writtenMs - Math.min(...sequences.filter((sequence) => Number.isFinite(sequence)));
  return livedMs >= 0 && livedMs < LONGEST_LIFE_MS ? livedMs : undefined;
}
