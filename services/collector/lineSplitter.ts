/** Longest line, in bytes. */
export const MAX_LINE_BYTES = 65_536;
const NEWLINE = 10;

/**
 * Cuts one connection's bytes into lines. It keeps at most one unfinished line of 64 KiB; the rest of a longer one is
 * thrown away as it comes.
 */
export class LineSplitter {
  #unfinished = '';
  #isTooLong = false;

  /** Returns the lines that are complete now; undefined stands for one that was too long. */
  split(chunk: Buffer): (string | undefined)[] {
    const lines: (string | undefined)[] = [];
    // A line is ASCII; as latin1 every byte is one character, and nothing can be cut in half.
    const text = chunk.toString('latin1');
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      lines.push(this.#finish(text.slice(start, end)));
      start = end + 1;
    }
    // A copy of its own: a slice would keep the whole chunk alive for as long as the line is unfinished.
    if (start < chunk.length) this.#keep(chunk.toString('latin1', start));
    return lines;
  }

  #finish(end: string): string | undefined {
    const line = this.#unfinished === '' ? end : this.#unfinished + end;
    const isTooLong = this.#isTooLong || line.length > MAX_LINE_BYTES;
    this.#unfinished = '';
    this.#isTooLong = false;
    return isTooLong ? undefined : line;
  }

  #keep(text: string): void {
    if (this.#isTooLong) return;
    this.#unfinished += text;
    if (this.#unfinished.length <= MAX_LINE_BYTES) return;
    this.#unfinished = '';
    this.#isTooLong = true;
  }
}
