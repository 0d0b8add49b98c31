import protobuf from 'protobufjs/light.js';
import { Malformed } from '../core/decode.js';

/**
 * Objects within one request, at most. An empty one has two bytes there and a hundred and fifty in memory, so they are
 * counted before they are made. 4 MiB of real spans have less than 200 000.
 */
export const MAX_OBJECTS = 250_000;

const tooMany = (): Malformed => new Malformed(`the request has more than ${MAX_OBJECTS} objects within it`);

/** Counts the messages within an encoded one. Throws Malformed; protobufjs throws when the encoding ends early. */
export function weighProtobuf(type: protobuf.Type, body: Buffer): void {
  const reader = protobuf.Reader.create(body);
  let messages = 0;
  const count = (within: protobuf.Type, end: number, depth: number): void => {
    messages += 1;
    if (messages > MAX_OBJECTS) throw tooMany();
    if (depth > MAX_DEPTH) throw new Malformed(`the request is nested deeper than ${MAX_DEPTH}`);
    while (reader.pos < end) {
      const tag = reader.uint32();
      const field = within.fieldsById[tag >>> 3]?.resolve().resolvedType;
      if ((tag & 7) === DELIMITED && field instanceof protobuf.Type) {
        const size = reader.uint32();
        count(field, reader.pos + size, depth + 1);
      } else {
        reader.skipType(tag & 7, 0, tag >>> 3);
      }
    }
  };
  count(type, body.length, 0);
}

const DELIMITED = 2;
/** A span's attribute lies at depth 4; each list within a list adds 2. */
const MAX_DEPTH = 40;

/** Counts the objects and lists of a JSON text, and the brackets in its texts, which are few. Throws Malformed. */
export function weighJson(body: Buffer): void {
  let objects = 0;
  for (const byte of body) if (byte === BRACE || byte === BRACKET) objects += 1;
  if (objects > MAX_OBJECTS) throw tooMany();
}

const BRACE = 0x7b;
const BRACKET = 0x5b;
