import { isInterface } from './names.js';
import { integerWithin, isNumber, nanoseconds } from './numbers.js';
import type { DpllSeen, Observation, Unread } from './observation.js';
import { daemonState } from './servo.js';

/**
 * Name and value in pairs, in any order, of which other daemons have fewer or more; the state is the last word.
 *
 *     ens9f0 frequency_status 3 offset 4 phase_status 3 pps_status 1 s2
 *     ens9f1 offset -21 frequency_status 2 pps_status 0 phase_status 4 s1
 */
export function parseDpll(config: string, words: string[]): Observation | Unread {
  const iface = words[0];
  const state = daemonState(words.at(-1));
  if (!isInterface(iface) || state === undefined || words.length < 4 || words.length % 2 !== 0) return 'malformed';
  const seen: DpllSeen = {
    kind: 'dpll',
    config,
    iface,
    frequencyStatus: undefined,
    phaseStatus: undefined,
    ppsStatus: undefined,
    offsetNs: undefined,
    state,
  };
  let known = 0;
  for (let i = 1; i < words.length - 1; i += 2) {
    const word = words[i + 1];
    if (!readPair(seen, words[i], word)) continue;
    if (!isNumber(word)) return 'malformed';
    known++;
  }
  return known === 0 ? 'malformed' : seen;
}

/** A figure outside its list is left out, and so is a pair of a name that is not known (decision p). */
function readPair(seen: DpllSeen, name: string | undefined, word: string | undefined): boolean {
  switch (name) {
    case 'frequency_status':
      seen.frequencyStatus = integerWithin(word, -1, 4);
      return true;
    case 'phase_status':
      seen.phaseStatus = integerWithin(word, -1, 4);
      return true;
    case 'pps_status':
      seen.ppsStatus = integerWithin(word, 0, 1);
      return true;
    case 'offset':
      seen.offsetNs = nanoseconds(word);
      return true;
    default:
      return false;
  }
}
