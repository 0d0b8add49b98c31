import { PROCESSES } from './observation.js';

/** How the name of a configuration ends, in the tag of each message. */
export const TAG_END = '.config';

// [30.100]: [ptp4l.0.config:5]   [1770000000]:[ts2phc.0.config]   [4711][chronyd.0.config]
const HEAD = /\[[^[\]\s]{1,32}\]:?\s{0,8}\[(?:ptp4l|ts2phc|phc2sys|synce4l|chronyd)\.\d{1,4}\.config[\]:]/g;
const LONGEST_NAME = 32;
/** Of a process that is not known; it is small letters in linuxptp and around it. */
const OTHER_NAME = /[a-z][a-z0-9-]*$/;

/**
 * The messages of a line. Daemons before 2026-03 repeat port lines without a newline between them, so that one begins
 * wherever a process, its stamp and a tag stand, right behind the last word of the one before. What comes before the
 * first is a piece of its own.
 *
 *     ptp4l[30.1]: [ptp4l.0.config] port 1: SLAVE to PASSIVE on RS_PASSIVEptp4l[17]:[ptp4l.0.config] CLOCK_CLASS_CHANGE 6
 */
export function messagesOf(line: string): string[] {
  const messages: string[] = [];
  let start = 0;
  let isFirst = true;
  for (const { index } of line.matchAll(HEAD)) {
    // What stands before a process that is not known, at the beginning of a line, is part of its name.
    const next = knownStart(line, index) ?? (isFirst ? 0 : otherStart(line, index));
    isFirst = false;
    if (next > start) messages.push(line.slice(start, next));
    start = next;
  }
  messages.push(line.slice(start));
  return messages;
}

/** Where the name of a known process begins that ends there; the word before it may be part of the same run of letters. */
function knownStart(line: string, end: number): number | undefined {
  const before = tail(line, end);
  const lengths = PROCESSES.filter((name) => before.endsWith(name)).map(({ length }) => length);
  return lengths.length === 0 ? undefined : end - Math.max(...lengths);
}

const otherStart = (line: string, end: number): number => end - (OTHER_NAME.exec(tail(line, end))?.[0].length ?? 0);

const tail = (line: string, end: number): string => line.slice(Math.max(end - LONGEST_NAME, 0), end);
