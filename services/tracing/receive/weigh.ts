import protobuf from 'protobufjs/light.js';
import { Malformed } from '../core/decode.js';

/**
 * Counts the messages within an encoded one before it is decoded. Throws Malformed when there are more than `limit`;
 * protobufjs throws when the encoding ends early.
 */
export function weigh(type: protobuf.Type, body: Buffer, limit: number): void {
  const reader = protobuf.Reader.create(body);
  let messages = 0;
  const count = (within: protobuf.Type, end: number, depth: number): void => {
    messages += 1;
    if (messages > limit) throw new Malformed(`the request has more than ${limit} messages within it`);
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
