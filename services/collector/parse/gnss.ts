import { isInterface } from './names.js';
import { integerWithin, isNumber, offsetOf } from './numbers.js';
import type { Observation, Unread } from './observation.js';
import { valueOf } from './pairs.js';
import { daemonState } from './servo.js';

const WORDS = 6;
/** What 32 bits hold: consumers of the bus read it as such. */
const MAX_FIX = 0x7fff_ffff;

// ens9f0 gnss_status 3 offset 5 s2
export function parseGnss(config: string, words: string[]): Observation | Unread {
  const iface = words[0];
  const fixWord = valueOf(words, 'gnss_status');
  const offsetWord = valueOf(words, 'offset');
  const state = daemonState(words[WORDS - 1]);
  if (!isInterface(iface) || !isNumber(fixWord) || !isNumber(offsetWord) || state === undefined) return 'malformed';
  const offset = offsetOf(offsetWord);
  return {
    kind: 'gnss',
    config,
    iface,
    fix: integerWithin(fixWord, -MAX_FIX, MAX_FIX),
    offsetNs: offset === 'none' ? undefined : offset,
    state,
  };
}
