import type { Observation, Unread } from './observation.js';

// Selected source 192.0.2.7 (ntp.example.net)
// Can't synchronise: no selectable sources
export function parseChronyd(config: string, words: string[]): Observation | Unread {
  if (words[0] === 'Selected' && words[1] === 'source' && words[2] !== undefined) {
    return { kind: 'chrony', config, state: 'LOCKED' };
  }
  if (words[0] === "Can't" && words[1] === 'synchronise' && words[3] === 'selectable' && words[4] === 'sources') {
    return { kind: 'chrony', config, state: 'FREERUN' };
  }
  return 'ignored';
}
