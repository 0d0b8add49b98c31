import { isInterface } from './names.js';
import { integer, nanoseconds } from './numbers.js';
import type { Observation, Unread } from './observation.js';
import { servoState } from './servo.js';

export function parseTs2phc(config: string, words: string[]): Observation | Unread {
  if (words[1] === 'offset') return parseOffset(config, words, 1);
  if (words[1] === 'master' && words[2] === 'offset') return parseOffset(config, words, 2);
  if (words[1] === 'nmea_status') return parseNmea(config, words);
  return 'ignored';
}

// ens9f0 master offset         -2 s2 freq      -6
// ens7f0 offset 1 s3 freq +1 holdover
function parseOffset(config: string, words: string[], at: number): Observation | Unread {
  const iface = words[0];
  const offsetNs = nanoseconds(words[at + 1]);
  const servo = servoState(words[at + 2]);
  const freqPpb = integer(words[at + 4]);
  if (!isInterface(iface) || offsetNs === undefined || servo === undefined) return 'malformed';
  if (words[at + 3] !== 'freq' || freqPpb === undefined) return 'malformed';
  return {
    kind: 'offset',
    process: 'ts2phc',
    config,
    iface,
    source: 'master',
    offsetNs,
    servo,
    freqPpb,
    delayNs: 0,
    saysHoldover: words[at + 5] === 'holdover',
  };
}

// ens9f0 nmea_status 1 offset 0 s2
function parseNmea(config: string, words: string[]): Observation | Unread {
  const [iface, , status] = words;
  if (!isInterface(iface) || (status !== '0' && status !== '1')) return 'malformed';
  if (words[3] !== 'offset' || nanoseconds(words[4]) === undefined || servoState(words[5]) === undefined) {
    return 'malformed';
  }
  return { kind: 'nmea', config, iface, isAvailable: status === '1' };
}
