import { integer, integerWithin, nanoseconds } from './numbers.js';
import type { Observation, Unread } from './observation.js';
import { servoState } from './servo.js';

const PORT_STATE = /^[A-Z][A-Z_]{2,19}$/;
const MAX_PORT = 0xffff;

export function parsePtp4l(config: string, words: string[]): Observation | Unread {
  switch (words[0]) {
    case 'master':
      return words[1] === 'offset' ? parseOffset(config, words) : 'ignored';
    case 'rms':
      return parseSummary('ptp4l', config, words, 0);
    case 'port':
      return parsePort(config, words);
    default:
      return 'ignored';
  }
}

// master offset         17 s2 freq   -5120 path delay       312
function parseOffset(config: string, words: string[]): Observation | Unread {
  const offsetNs = nanoseconds(words[2]);
  const servo = servoState(words[3]);
  const freqPpb = integer(words[5]);
  if (offsetNs === undefined || servo === undefined || words[4] !== 'freq' || freqPpb === undefined) return 'malformed';
  const hasDelay = words.length > 6;
  const delayNs = integer(words[8]);
  if (hasDelay && (words[6] !== 'path' || words[7] !== 'delay' || delayNs === undefined)) return 'malformed';
  return {
    kind: 'offset',
    process: 'ptp4l',
    config,
    iface: '',
    source: 'master',
    offsetNs,
    servo,
    freqPpb,
    delayNs,
    saysHoldover: false,
  };
}

/**
 * rms   41 max   77 freq -16002 +/-  38 delay  1011 +/-  17
 * @param at where `rms` stands
 */
export function parseSummary(
  process: 'ptp4l' | 'phc2sys',
  config: string,
  words: string[],
  at: number,
): Observation | Unread {
  const rmsNs = integer(words[at + 1]);
  const maxNs = integer(words[at + 3]);
  const freqPpb = integer(words[at + 5]);
  if (rmsNs === undefined || words[at + 2] !== 'max' || maxNs === undefined) return 'malformed';
  if (words[at + 4] !== 'freq' || freqPpb === undefined) return 'malformed';
  if (words[at + 6] !== '+/-' || integer(words[at + 7]) === undefined) return 'malformed';
  if (words.length === at + 8) return { kind: 'summary', process, config, rmsNs, maxNs, freqPpb, delayNs: 0 };
  const delayNs = integer(words[at + 9]);
  if (words[at + 8] !== 'delay' || delayNs === undefined) return 'malformed';
  if (words[at + 10] !== '+/-' || integer(words[at + 11]) === undefined) return 'malformed';
  return { kind: 'summary', process, config, rmsNs, maxNs, freqPpb, delayNs };
}

// port 1: SLAVE to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)
// port 11 (ens8f2): LISTENING to MASTER on ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES
// port 1: delay timeout
function parsePort(config: string, words: string[]): Observation | Unread {
  const port = integerWithin(words[1], 0, MAX_PORT);
  if (port === undefined) return 'malformed';
  const at = words[2]?.startsWith('(') === true ? 3 : 2;
  const [was, to, is, on] = [words[at], words[at + 1], words[at + 2], words[at + 3]];
  if (to !== 'to' || was === undefined || !PORT_STATE.test(was)) return 'ignored';
  if (is === undefined || !PORT_STATE.test(is) || on !== 'on' || words.length < at + 5) return 'malformed';
  return { kind: 'port', config, port, was, is };
}
