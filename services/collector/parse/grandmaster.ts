import { isInterface } from './names.js';
import { isNumber, offsetOf } from './numbers.js';
import type { Observation, Unread } from './observation.js';
import { valueOf } from './pairs.js';
import { daemonState } from './servo.js';

// ens9f0 T-GM-STATUS s2
export function parseGrandmaster(config: string, words: string[]): Observation | Unread {
  const iface = words[0];
  const state = daemonState(valueOf(words, 'T-GM-STATUS'));
  if (!isInterface(iface) || state === undefined) return 'malformed';
  return { kind: 'grandmaster', config, iface, state };
}

// ens4f0 offset 12 T-BC-STATUS s2
export function parseBoundary(config: string, words: string[]): Observation | Unread {
  const iface = words[0];
  const offsetWord = valueOf(words, 'offset');
  const state = daemonState(valueOf(words, 'T-BC-STATUS'));
  if (!isInterface(iface) || !isNumber(offsetWord) || state === undefined) return 'malformed';
  const offset = offsetOf(offsetWord);
  return { kind: 'boundary', config, iface, offsetNs: offset === 'none' ? undefined : offset, state };
}
