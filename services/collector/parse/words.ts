const BLANK = 32;
const OPENING = 91; // [
const CLOSING = 93; // ]
const COLON = 58;

/**
 * The words of a line: brackets, colons, blanks and control characters separate.
 *
 *     ptp4l[81021.120]: [ptp4l.0.config] port 1: UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED
 *     → ptp4l 81021.120 ptp4l.0.config port 1 UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED
 */
export function wordsOf(line: string): string[] {
  const words: string[] = [];
  let start = -1;
  for (let i = 0; i < line.length; i++) {
    const code = line.charCodeAt(i);
    if (code <= BLANK || code === OPENING || code === CLOSING || code === COLON) {
      if (start >= 0) words.push(line.slice(start, i));
      start = -1;
    } else if (start < 0) {
      start = i;
    }
  }
  if (start >= 0) words.push(line.slice(start));
  return words;
}
