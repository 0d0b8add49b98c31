import { isInterface } from './names.js';
import { integer, integerWithin, isNumber, offsetOf } from './numbers.js';
import type { Nanoseconds, Observation, OffsetSeen, Unread } from './observation.js';
import { valueOf } from './pairs.js';
import { servoState } from './servo.js';

export function parseTs2phc(config: string, words: string[]): Observation | Unread {
  if (words[1] === 'master' && words[2] === 'offset') return parseOffset(config, words, 2);
  if (words.includes('nmea_status')) return parseNmea(config, words);
  if (words[1] === 'offset') return parseOffset(config, words, 1);
  if (words[1] === 'lost' && words[2] === 'holdover') return parseLostHoldover(config, words);
  return 'ignored';
}

// ens9f0 master offset         -2 s2 freq      -6
// ens7f0 offset 1 s3 freq +1 holdover
function parseOffset(config: string, words: string[], at: number): OffsetSeen | Unread {
  const iface = words[0];
  const offset = offsetOf(words[at + 1]);
  const servo = servoState(words[at + 2]);
  const freqPpb = integer(words[at + 4]);
  if (!isInterface(iface) || offset === undefined || servo === undefined) return 'malformed';
  if (words[at + 3] !== 'freq' || (freqPpb === undefined && !isNumber(words[at + 4]))) return 'malformed';
  return offsetSeen(config, iface, offset, servo, freqPpb, words[at + 5] === 'holdover');
}

/**
 * In holdover the servo has left its stable lock: said once, and then nothing more comes (decision o).
 *
 *     ens7f0 lost holdover lock (offset       1411)
 */
function parseLostHoldover(config: string, words: string[]): OffsetSeen | Unread {
  const [iface, , , lock, name, end] = words;
  if (!isInterface(iface) || lock !== 'lock' || name !== '(offset' || end?.endsWith(')') !== true) return 'malformed';
  const offset = offsetOf(end.slice(0, -1));
  if (offset === undefined) return 'malformed';
  return offsetSeen(config, iface, offset, 'FREERUN', undefined, false);
}

const offsetSeen = (
  config: string,
  iface: string,
  offset: Nanoseconds | 'none',
  servo: OffsetSeen['servo'],
  freqPpb: number | undefined,
  saysHoldover: boolean,
): OffsetSeen => ({
  kind: 'offset',
  process: 'ts2phc',
  config,
  iface,
  source: 'master',
  offsetNs: offset === 'none' ? undefined : offset,
  servo,
  freqPpb,
  delayNs: 0,
  lacksDelay: false,
  saysHoldover,
});

/**
 * The daemon writes its pairs in the order in which it finds them.
 *
 *     ens9f0 nmea_status 1 offset 0 s2
 */
function parseNmea(config: string, words: string[]): Observation | Unread {
  const iface = words[0];
  const status = integerWithin(valueOf(words, 'nmea_status'), 0, 1);
  const offset = valueOf(words, 'offset');
  if (!isInterface(iface) || status === undefined || !isNumber(offset)) return 'malformed';
  if (servoState(words.at(-1)) === undefined) return 'malformed';
  return { kind: 'nmea', config, iface, isAvailable: status === 1 };
}
