import protobuf from 'protobufjs/light.js';
import { otlp } from '../../shared/contract/otlp.js';
import { decodeRequest, Malformed, type Decoded, type Leaves } from '../core/decode.js';
import { weigh } from './weigh.js';

const { Reader, Root, util } = protobuf;

/** google.rpc.Status. */
export interface Status {
  /** google.rpc.Code */
  code: number;
  message: string;
}

export interface PartialSuccess {
  rejectedSpans: number;
  errorMessage: string;
}

/** What a request has brought, and what of it goes on to another receiver. */
export interface Export extends Decoded {
  /** The request without the rejected spans, in a form that can be joined to others of its encoding. Throws Malformed. */
  piece: () => Buffer;
}

/** One of the two encodings of OTLP/HTTP. */
export interface Encoding {
  contentType: string;
  /** Throws Malformed. */
  decode(body: Buffer): Export;
  /** An ExportTraceServiceResponse. */
  response(partial: PartialSuccess | undefined): Buffer;
  status(status: Status): Buffer;
  /** One request of the pieces of several. */
  join(pieces: readonly Buffer[]): Buffer;
}

/** The encoding that a content type names, whatever its parameters; undefined for any other. */
export function encodingOf(contentType: string): Encoding | undefined {
  const [mediaType = ''] = contentType.split(';', 1);
  return [jsonEncoding, protobufEncoding].find((encoding) => encoding.contentType === mediaType.trim().toLowerCase());
}

/** Messages in one request, at most: an empty one has two bytes there, and a hundred and fifty in memory. */
const MAX_MESSAGES = 250_000;

const SAFE = BigInt(Number.MAX_SAFE_INTEGER);
const isSafe = (value: bigint): boolean => value <= SAFE && value >= -SAFE;

const jsonLeaves: Leaves = {
  id(value, bytes) {
    if (value === undefined || value === null || value === '') return '';
    if (typeof value !== 'string' || value.length !== 2 * bytes || !/^[\da-f]+$/i.test(value)) return undefined;
    return notZero(value.toLowerCase());
  },
  integer(value) {
    if (typeof value === 'number') return Number.isInteger(value) ? value : undefined;
    if (typeof value !== 'string' || !/^-?\d{1,19}$/.test(value)) return undefined;
    return isSafe(BigInt(value)) ? Number(value) : value;
  },
  timeMs(value) {
    if (value === undefined || value === null) return 0;
    const isTime = typeof value === 'number' || (typeof value === 'string' && /^\d{1,20}$/.test(value));
    return isTime && Number(value) >= 0 && Number(value) <= 2 ** 64 ? Number(value) / 1e6 : undefined;
  },
  bytes: (value) => (typeof value === 'string' ? value : undefined),
};

const protobufLeaves: Leaves = {
  id(value, bytes) {
    if (!(value instanceof Uint8Array) || value.length === 0) return '';
    return value.length === bytes ? notZero(Buffer.from(value).toString('hex')) : undefined;
  },
  integer(value) {
    if (!(value instanceof util.Long)) return undefined;
    const integer = (BigInt(value.high) << 32n) | BigInt(value.low >>> 0);
    return isSafe(integer) ? Number(integer) : String(integer);
  },
  // A double holds a time of today to a quarter of a microsecond.
  timeMs: (value) => (value instanceof util.Long ? ((value.high >>> 0) * 2 ** 32 + (value.low >>> 0)) / 1e6 : 0),
  bytes: (value) => (value instanceof Uint8Array ? Buffer.from(value).toString('base64') : undefined),
};

const notZero = (id: string): string | undefined => (/^0+$/.test(id) ? undefined : id);

export const jsonEncoding: Encoding = {
  contentType: 'application/json',
  decode(body) {
    let request: unknown;
    try {
      request = JSON.parse(body.toString());
    } catch (err) {
      throw new Malformed('the body is not JSON', { cause: err });
    }
    const decoded = decodeRequest(request, jsonLeaves);
    const { resourceSpans } = request as { resourceSpans?: unknown[] };
    return { ...decoded, piece: () => jsonMembers(resourceSpans ?? []) };
  },
  // protobuf's JSON writes 64-bit integers as text.
  response: (partial) =>
    jsonOf(partial ? { partialSuccess: { ...partial, rejectedSpans: String(partial.rejectedSpans) } } : {}),
  status: (status) => jsonOf(status),
  join: (pieces) => {
    const parts = pieces.flatMap((piece, at) => (at === 0 ? [piece] : [Buffer.from(','), piece]));
    return Buffer.concat([Buffer.from('{"resourceSpans":['), ...parts, Buffer.from(']}')]);
  },
};

/** The members of a list, without its brackets. Throws Malformed. */
function jsonMembers(list: unknown[]): Buffer {
  try {
    return Buffer.from(JSON.stringify(list).slice(1, -1));
  } catch (err) {
    // Reading JSON has no limit of depth, but writing it has.
    throw new Malformed('the request is nested too deeply', { cause: err });
  }
}

const jsonOf = (value: object): Buffer => Buffer.from(JSON.stringify(value));

const root = Root.fromJSON(otlp);
const SERVICE = 'opentelemetry.proto.collector.trace.v1';
const requestType = root.lookupType(`${SERVICE}.ExportTraceServiceRequest`);
const responseType = root.lookupType(`${SERVICE}.ExportTraceServiceResponse`);
const statusType = root.lookupType('google.rpc.Status');

export const protobufEncoding: Encoding = {
  contentType: 'application/x-protobuf',
  decode(body) {
    let request: protobuf.Message;
    try {
      weigh(requestType, body, MAX_MESSAGES);
      const reader = Reader.create(body);
      reader.discardUnknown = true;
      request = requestType.decode(reader);
    } catch (err) {
      if (err instanceof Malformed) throw err;
      throw new Malformed('the body is not an ExportTraceServiceRequest', { cause: err });
    }
    const decoded = decodeRequest(request, protobufLeaves);
    return {
      ...decoded,
      piece: () => (decoded.rejected.size === 0 ? body : Buffer.from(requestType.encode(request).finish())),
    };
  },
  response: (partial) => encoded(responseType, partial ? { partialSuccess: partial } : {}),
  status: (status) => encoded(statusType, { ...status }),
  // Joined encodings of a message are the encoding of the joined message.
  join: (pieces) => Buffer.concat(pieces),
};

const encoded = (type: protobuf.Type, message: Record<string, unknown>): Buffer =>
  Buffer.from(type.encode(message).finish());
