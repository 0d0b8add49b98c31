import { PROCESSES } from './observation.js';

/** How the name of a configuration ends, in the tag of each message. */
export const TAG_END = '.config';

// [30.100]: [ptp4l.0.config:5]   [1770000000]:[ts2phc.0.config]   [4711][chronyd.0.config]
const HEAD = /\[[^[\]\s]{1,32}\]:?\s{0,8}\[(?:ptp4l|ts2phc|phc2sys|synce4l|chronyd)\.\d{1,4}\.config[\]:]/g;
const NAME_END = /[A-Za-z0-9_-]{1,32}$/;
const LONGEST_NAME = 32;

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
  for (const { index } of line.matchAll(HEAD)) {
    const next = index - nameBefore(line, index);
    if (next > start) messages.push(line.slice(start, next));
    start = next;
  }
  messages.push(line.slice(start));
  return messages;
}

/** Length of the name that ends there: of a process that is known, as the word before it may be part of the same run. */
function nameBefore(line: string, end: number): number {
  const before = line.slice(Math.max(end - LONGEST_NAME, 0), end);
  const known = PROCESSES.filter((name) => before.endsWith(name)).map(({ length }) => length);
  return known.length > 0 ? Math.max(...known) : (NAME_END.exec(before)?.[0].length ?? 0);
}
