import { isInterface } from './names.js';
import { nanoseconds } from './numbers.js';
import type { Observation, Unread } from './observation.js';
import { daemonState } from './servo.js';

// ens9f0 T-GM-STATUS s2
export function parseGrandmaster(config: string, words: string[]): Observation | Unread {
  const [iface, status, stateWord] = words;
  const state = daemonState(stateWord);
  if (status !== 'T-GM-STATUS' || !isInterface(iface) || state === undefined) return 'malformed';
  return { kind: 'grandmaster', config, iface, state };
}

// ens4f0 offset 12 T-BC-STATUS s2
export function parseBoundary(config: string, words: string[]): Observation | Unread {
  const [iface, offset, offsetWord, status, stateWord] = words;
  const offsetNs = nanoseconds(offsetWord);
  const state = daemonState(stateWord);
  if (offset !== 'offset' || status !== 'T-BC-STATUS' || !isInterface(iface)) return 'malformed';
  if (offsetNs === undefined || state === undefined) return 'malformed';
  return { kind: 'boundary', config, iface, offsetNs, state };
}
