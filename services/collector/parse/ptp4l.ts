import { isInterface } from './names.js';
import { integer, integerWithin, isNumber, offsetOf } from './numbers.js';
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
  const offset = offsetOf(words[2]);
  const servo = servoState(words[3]);
  const freqPpb = integer(words[5]);
  if (offset === undefined || servo === undefined || words[4] !== 'freq') return 'malformed';
  if (freqPpb === undefined && !isNumber(words[5])) return 'malformed';
  const lacksDelay = words.length === 6;
  const delayNs = integer(words[8]);
  if (!lacksDelay && (words[6] !== 'path' || words[7] !== 'delay')) return 'malformed';
  if (!lacksDelay && delayNs === undefined && !isNumber(words[8])) return 'malformed';
  return {
    kind: 'offset',
    process: 'ptp4l',
    config,
    iface: '',
    source: 'master',
    offsetNs: offset === 'none' ? undefined : offset,
    servo,
    freqPpb,
    delayNs: lacksDelay ? 0 : delayNs,
    lacksDelay,
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
  const hasDelay = words.length > at + 8;
  if (words[at + 2] !== 'max' || words[at + 4] !== 'freq' || words[at + 6] !== '+/-') return 'malformed';
  if (hasDelay && (words[at + 8] !== 'delay' || words[at + 10] !== '+/-')) return 'malformed';
  for (let i = at + 1; i < at + (hasDelay ? 13 : 9); i += 2) if (!isNumber(words[i])) return 'malformed';
  const delayNs = hasDelay ? integer(words[at + 9]) : 0;
  const [rmsNs, maxNs, freqPpb] = [offsetSum(words[at + 1]), offsetSum(words[at + 3]), integer(words[at + 5])];
  return { kind: 'summary', process, config, rmsNs, maxNs, freqPpb, delayNs };
}

/** A sum of offsets, which is none where they are placeholders (decision q). */
const offsetSum = (word: string | undefined): number | undefined =>
  offsetOf(word) === 'none' ? undefined : integer(word);

// port 1: SLAVE to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)
// port 11 (ens8f2): LISTENING to MASTER on ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES
// port 1: delay timeout
function parsePort(config: string, words: string[]): Observation | Unread {
  const port = integerWithin(words[1], 0, MAX_PORT);
  if (!isNumber(words[1])) return 'malformed';
  const name = words[2]?.startsWith('(') === true ? words[2] : undefined;
  const at = name === undefined ? 2 : 3;
  const [was, to, is, on] = [words[at], words[at + 1], words[at + 2], words[at + 3]];
  if (to !== 'to' || was === undefined || !PORT_STATE.test(was)) return 'ignored';
  if (is === undefined || !PORT_STATE.test(is) || on !== 'on' || words.length < at + 5) return 'malformed';
  const iface = name?.endsWith(')') === true ? name.slice(1, -1) : '';
  // A socket of ptp4l itself, such as port 0 (/var/run/ptp4l.0.socket).
  if (name !== undefined && !isInterface(iface)) return port === 0 ? 'ignored' : 'malformed';
  // The name is better evidence than the number (decision s), so the number may be odd where there is one.
  if (port === undefined && iface === '') return 'malformed';
  return { kind: 'port', config, port, iface, was, is };
}
