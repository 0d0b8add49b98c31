import { integer, isNumber, offsetOf } from './numbers.js';
import type { Observation, OffsetSeen, Unread } from './observation.js';
import { parseSummary } from './ptp4l.js';
import { servoState } from './servo.js';

const MAX_PROFILE_LENGTH = 64;

export function parsePhc2sys(config: string, words: string[]): Observation | Unread {
  if (words[0] === 'ptp_ha_profile') return parseHaProfile(config, words);
  // A network card as the target is none of our clocks.
  if (words[0] !== 'CLOCK_REALTIME') return 'ignored';
  if (words[1] === 'rms') return parseSummary('phc2sys', config, words, 1);
  if (words[1] === 'offset') return parseOffset(config, words, 1, 'master');
  if (words[2] === 'offset') return parseOffset(config, words, 2, sourceOf(words[1]));
  return 'ignored';
}

const sourceOf = (word: string | undefined): OffsetSeen['source'] =>
  word === 'phc' || word === 'sys' ? word : 'master';

// CLOCK_REALTIME phc offset        31 s2 freq  -11020 delay    611
// CLOCK_REALTIME pps offset        43 s2 freq   -1587
function parseOffset(config: string, words: string[], at: number, source: OffsetSeen['source']): Observation | Unread {
  const offset = offsetOf(words[at + 1]);
  const servo = servoState(words[at + 2]);
  const freqPpb = integer(words[at + 4]);
  if (offset === undefined || servo === undefined || words[at + 3] !== 'freq') return 'malformed';
  if (freqPpb === undefined && !isNumber(words[at + 4])) return 'malformed';
  const hasDelay = words.length > at + 5;
  const delayNs = integer(words[at + 6]);
  if (hasDelay && words[at + 5] !== 'delay') return 'malformed';
  if (hasDelay && delayNs === undefined && !isNumber(words[at + 6])) return 'malformed';
  return {
    kind: 'offset',
    process: 'phc2sys',
    config,
    iface: '',
    source,
    offsetNs: offset === 'none' ? undefined : offset,
    servo,
    freqPpb,
    delayNs: hasDelay ? delayNs : 0,
    // A pulse has no delay by nature (decision u).
    lacksDelay: !hasDelay && words[at - 1] !== 'pps',
    saysHoldover: false,
  };
}

// ptp_ha_profile ha-a state 1
function parseHaProfile(config: string, words: string[]): Observation | Unread {
  const [, profile, state, active] = words;
  if (profile === undefined || profile.length > MAX_PROFILE_LENGTH || state !== 'state') return 'malformed';
  if (active !== '0' && active !== '1') return 'malformed';
  return { kind: 'ha-profile', config, profile, isActive: active === '1' };
}
