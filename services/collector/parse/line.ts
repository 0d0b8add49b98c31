import { parseChronyd } from './chronyd.js';
import { parseClockClass, parseProcessStatus } from './daemon.js';
import { parseDpll } from './dpll.js';
import { parseGnss } from './gnss.js';
import { parseBoundary, parseGrandmaster } from './grandmaster.js';
import { PROCESSES, type Observation, type Process, type Unread } from './observation.js';
import { parsePhc2sys } from './phc2sys.js';
import { parsePtp4l } from './ptp4l.js';
import { parseSynce4l } from './synce4l.js';
import { parseTs2phc } from './ts2phc.js';
import { messagesOf, TAG_END } from './messages.js';
import { wordEnd, wordsOf, wordStart } from './words.js';

const CONFIG = /^(?:ptp4l|ts2phc|phc2sys|synce4l|chronyd)\.\d{1,4}\.config$/;
/** More names than a node can have; a flood of invented ones is checked anew each time instead of being kept. */
const MAX_CONFIGS = 1_024;
const known = new Map<string, Process>(PROCESSES.map((name) => [name, name]));
/** Configuration by the name that lines have for it. */
const configs = new Map<string, string>();

/**
 * Reads a line and hands over each of its messages: one, except where newlines were lost (decision t). Nothing is
 * allocated for a line of one message.
 */
export function readLine(line: string, take: (seen: Observation | Unread, message: string) => void): void {
  const seen = parse(line);
  if (isOneMessage(line, seen)) return take(seen, line);
  for (const message of messagesOf(line)) take(parse(message), message);
}

/**
 * There is no second configuration, and it was read. What is not read may hide a message: one that was cut off, or
 * anything else that stands in front of it.
 */
function isOneMessage(line: string, seen: Observation | Unread): boolean {
  const tag = line.indexOf(TAG_END);
  if (tag < 0) return true;
  if (line.indexOf(TAG_END, tag + TAG_END.length) >= 0) return false;
  return typeof seen !== 'string' || (seen === 'ignored' && processOf(line) !== 'other');
}

/**
 * Reads one message. Two forms are written, by the linuxptp tools and by the daemon itself:
 *
 *     ptp4l[81021.120]: [ptp4l.0.config] master offset         17 s2 freq   -5120 path delay       312
 *     GM[1724100001]:[ts2phc.0.config] ens9f0 T-GM-STATUS s2
 */
export function parse(line: string): Observation | Unread {
  const nameStart = wordStart(line, 0);
  const nameEnd = wordEnd(line, nameStart);
  const name = line.slice(nameStart, nameEnd);
  if (name === 'CMD') return parseCommand(line, nameEnd);
  const stampEnd = wordEnd(line, wordStart(line, nameEnd));
  const configStart = wordStart(line, stampEnd);
  const configEnd = wordEnd(line, configStart);
  const writtenConfig = line.slice(configStart, configEnd);
  const config = configs.get(writtenConfig) ?? readConfigName(writtenConfig);
  if (config === undefined) return 'malformed';
  const process = known.get(name);
  if (process === undefined) return 'ignored';
  const said = wordsOf(line, tagEnd(line, configEnd));
  if (said[0] === 'PTP_PROCESS_STATUS') return parseProcessStatus(process, config, writtenConfig, said);
  if (said[0] === 'CLOCK_CLASS_CHANGE') return parseClockClass(process, config, said);
  return parseSaid(process, config, said);
}

/** Newer linuxptp tags with the log level too, [ptp4l.0.config:6], and not every daemon takes it off again. */
function tagEnd(line: string, configEnd: number): number {
  if (line[configEnd] !== ':') return configEnd;
  const closing = line.indexOf(']', configEnd);
  return closing < 0 ? wordEnd(line, configEnd + 1) : closing;
}

/** ts2phc.3.config and ptp4l.3.config are one configuration. */
function readConfigName(written: string): string | undefined {
  if (!CONFIG.test(written)) return undefined;
  const config = written.startsWith('ts2phc') ? `ptp4l${written.slice(6)}` : written;
  if (configs.size < MAX_CONFIGS) configs.set(written, config);
  return config;
}

function parseSaid(process: Process, config: string, said: string[]): Observation | Unread {
  if (said.length === 0) return 'malformed';
  switch (process) {
    case 'ptp4l':
      return parsePtp4l(config, said);
    case 'phc2sys':
      return parsePhc2sys(config, said);
    case 'ts2phc':
      return parseTs2phc(config, said);
    case 'gnss':
      return parseGnss(config, said);
    case 'dpll':
      return parseDpll(config, said);
    case 'GM':
      return parseGrandmaster(config, said);
    case 'T-BC':
      return parseBoundary(config, said);
    case 'synce4l':
      return parseSynce4l(config, said);
    case 'chronyd':
      return parseChronyd(config, said);
    default:
      return 'ignored';
  }
}

// CMD LIVE_START
function parseCommand(line: string, from: number): Observation | Unread {
  const [word] = wordsOf(line, from);
  return word === 'RESTART' || word === 'LIVE_START' ? { kind: 'command', command: word } : 'ignored';
}

/** The process of a line as a label value: one of the known ones, or `other`. */
export function processOf(line: string): Process | 'other' {
  const start = wordStart(line, 0);
  return known.get(line.slice(start, wordEnd(line, start))) ?? 'other';
}
