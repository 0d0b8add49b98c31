const BLANK = 32;
const OPENING = 91; // [
const CLOSING = 93; // ]
const COLON = 58;

/**
 * The words of a line from an index on: brackets, colons, blanks and control characters separate.
 *
 *     ptp4l[81021.120]: [ptp4l.0.config] port 1: UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED
 *     → ptp4l 81021.120 ptp4l.0.config port 1 UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED
 */
export function wordsOf(line: string, from = 0): string[] {
  const words: string[] = [];
  for (let start = wordStart(line, from); start < line.length;) {
    const end = wordEnd(line, start);
    words.push(line.slice(start, end));
    start = wordStart(line, end);
  }
  return words;
}

/** Where the next word begins; the line's length when there is none. */
export function wordStart(line: string, from: number): number {
  let i = from;
  while (i < line.length && separates(line.charCodeAt(i))) i++;
  return i;
}

export function wordEnd(line: string, start: number): number {
  let i = start;
  while (i < line.length && !separates(line.charCodeAt(i))) i++;
  return i;
}

const separates = (code: number): boolean => code <= BLANK || code === COLON || code === OPENING || code === CLOSING;
