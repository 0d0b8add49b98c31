import type { Observation, Unread } from './observation.js';

/**
 * With `-d`, the only way in which the daemon can read it, chronyd writes its own time in front, and what the daemon and
 * chronyd put there differs between versions: so the words count wherever they stand (decision n).
 *
 *     Selected source 192.0.2.7 (ntp.example.net)
 *     2026-03-01T12:34:05Z Can't synchronise: no selectable sources (1 unreachable sources)
 */
export function parseChronyd(config: string, words: string[]): Observation | Unread {
  for (let i = 0; i + 1 < words.length; i++) {
    const next = words[i + 1];
    if (words[i] === 'Selected' && next === 'source') {
      return words[i + 2] === undefined ? 'malformed' : { kind: 'chrony', config, state: 'LOCKED' };
    }
    // Whatever the reason: chronyd steers by nothing.
    if (words[i] === "Can't" && (next === 'synchronise' || next === 'synchronize')) {
      return { kind: 'chrony', config, state: 'FREERUN' };
    }
  }
  return 'ignored';
}
