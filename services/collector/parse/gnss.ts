import { isInterface } from './names.js';
import { integerWithin, nanoseconds } from './numbers.js';
import type { Observation, Unread } from './observation.js';
import { daemonState } from './servo.js';

// ens9f0 gnss_status 3 offset 5 s2
export function parseGnss(config: string, words: string[]): Observation | Unread {
  const [iface, status, fixWord, offset, offsetWord, stateWord] = words;
  const fix = integerWithin(fixWord, 0, 5);
  const offsetNs = nanoseconds(offsetWord);
  const state = daemonState(stateWord);
  if (status !== 'gnss_status' || offset !== 'offset' || !isInterface(iface)) return 'malformed';
  if (fix === undefined || offsetNs === undefined || state === undefined) return 'malformed';
  return { kind: 'gnss', config, iface, fix, offsetNs, state };
}
