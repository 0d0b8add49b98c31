import type { Encoding } from '../receive/encoding.js';

/** Spans of one request that wait to be forwarded. */
export interface Piece {
  encoding: Encoding;
  bytes: Buffer;
  spans: number;
}

/** What is sent as one request. */
export interface Batch {
  encoding: Encoding;
  body: Buffer;
  spans: number;
}

/** A piece's own memory beside its bytes. */
const PIECE_BYTES = 500;
/** Pieces are joined up to this many bytes. */
const BATCH_BYTES = 1_024 * 1_024;

/** What waits to be forwarded, in bounded memory. */
export class ForwardQueue {
  readonly #limitBytes: number;
  #pieces: Piece[] = [];
  #bytes = 0;
  #spans = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get spans(): number {
    return this.#spans;
  }

  /** False: there is no room. */
  add(piece: Piece): boolean {
    const size = PIECE_BYTES + piece.bytes.length;
    if (this.#bytes + size > this.#limitBytes) return false;
    this.#bytes += size;
    this.#spans += piece.spans;
    this.#pieces.push(piece);
    return true;
  }

  /** Takes the oldest pieces, of one encoding, as one request. */
  take(): Batch | undefined {
    const [first] = this.#pieces;
    if (first === undefined) return undefined;
    let bytes = 0;
    const end = this.#pieces.findIndex((piece, at) => {
      bytes += piece.bytes.length;
      return at > 0 && (piece.encoding !== first.encoding || bytes > BATCH_BYTES);
    });
    const taken = end < 0 ? this.#pieces : this.#pieces.slice(0, end);
    this.#pieces = end < 0 ? [] : this.#pieces.slice(end);
    const spans = taken.reduce((sum, piece) => sum + piece.spans, 0);
    for (const piece of taken) this.#bytes -= PIECE_BYTES + piece.bytes.length;
    this.#spans -= spans;
    return { encoding: first.encoding, body: first.encoding.join(taken.map((piece) => piece.bytes)), spans };
  }
}
