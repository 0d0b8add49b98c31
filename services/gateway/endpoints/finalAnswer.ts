/** Of the header of an answer, the interim ones before it included. */
export const MAX_HEADER_BYTES = 16_384;

/** `HTTP/1.1 204`: as much of an answer as says what it is. */
const STATUS_BYTES = 12;
/** Where the status begins. */
const STATUS_AT = 9;
/** The record in which a server of TLS says that it was not spoken to in TLS. */
const TLS_ALERT = '\x15\x03';
const CR = 0x0d;
const LF = 0x0a;
const H = 0x48;
const ONE = 0x31;

/** An answer that HTTP may allow, and that our client cannot take. */
export class AnswerRefused extends Error {
  override name = 'AnswerRefused';
}

/**
 * Finds where the answer to a request begins: a server may send interim answers before it, 100 Continue also when nobody
 * asked for it, and a client has to pass over them (RFC 9110 §15.2). 101 is none of them: nothing else follows it.
 */
export class FinalAnswer {
  /** The answer itself has not begun. */
  isAwaited = false;
  /** Something has come since the request was sent. */
  hasBegun = false;
  #held: Buffer | undefined;
  #skipped = 0;

  /** A request was sent. */
  await(): void {
    this.isAwaited = true;
    this.hasBegun = false;
    this.#held = undefined;
    this.#skipped = 0;
  }

  /** Gives what is not of an interim answer; undefined when more is needed to know. Throws AnswerRefused. */
  begin(chunk: Buffer): Buffer | undefined {
    this.hasBegun = true;
    // Nearly always: it begins with its final status.
    if (this.#held === undefined && chunk.length >= STATUS_BYTES && chunk[0] === H && (chunk[STATUS_AT] ?? 0) > ONE) {
      return this.#final(chunk);
    }
    let answer = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = undefined;
    for (;;) {
      answer = this.#skip(answer, emptyLines(answer));
      if (answer.length === 0) return undefined;
      if (!mayBeInterim(answer)) return this.#final(answer);
      const length = headerLength(answer);
      if (length === undefined) {
        if (answer.length > MAX_HEADER_BYTES) throw new AnswerRefused('interim answers without end');
        this.#held = answer;
        return undefined;
      }
      answer = this.#skip(answer, length);
    }
  }

  #skip(answer: Buffer, length: number): Buffer {
    this.#skipped += length;
    if (this.#skipped > MAX_HEADER_BYTES) throw new AnswerRefused('interim answers without end');
    return answer.subarray(length);
  }

  #final(answer: Buffer): Buffer {
    this.isAwaited = false;
    return answer;
  }
}

/** Bytes of empty lines before an answer: they are passed over (RFC 9112 §2.2). */
function emptyLines(answer: Buffer): number {
  let length = 0;
  while (answer[length] === CR || answer[length] === LF) length += 1;
  return length;
}

/** Up to its empty line, included; undefined when that has not come yet. A bare line feed ends a line too. */
function headerLength(answer: Buffer): number | undefined {
  const start = answer.subarray(0, MAX_HEADER_BYTES);
  const ends = ['\n\r\n', '\n\n'].flatMap((end) => {
    const at = start.indexOf(end);
    return at === -1 ? [] : [at + end.length];
  });
  return ends.length === 0 ? undefined : Math.min(...ends);
}

/** Whether an interim answer begins here, as far as has come. Throws AnswerRefused. */
function mayBeInterim(answer: Buffer): boolean {
  const start = answer.toString('latin1', 0, STATUS_BYTES);
  if (start.startsWith(TLS_ALERT)) throw new AnswerRefused('it speaks TLS: its URL must begin with https');
  if (!'HTTP/0.0 000'.startsWith(start.replace(/\d/g, '0'))) return false;
  const status = start.slice(STATUS_AT);
  // A status of more digits is for the client to refuse.
  if (/\d/.test(answer.toString('latin1', STATUS_BYTES, STATUS_BYTES + 1))) return false;
  if (status === '101') throw new AnswerRefused('it switched protocols (101), which nobody asked for');
  if (status.length === 3 && status < '100')
    throw new AnswerRefused(`it answered with the status ${status}, which is none`);
  return status < '2';
}
