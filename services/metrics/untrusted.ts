/** A message that is not what its subject promises; the reason is in the text. */
export class BadMessage extends Error {
  override name = 'BadMessage';
}

/** The JSON object in a message of at most `maxBytes`. Throws BadMessage. */
export function readObject(bytes: Uint8Array, maxBytes: number): Record<string, unknown> {
  if (bytes.length > maxBytes) throw new BadMessage(`${bytes.length} bytes, at most ${maxBytes} are read`);
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
  } catch (err) {
    throw new BadMessage('not JSON', { cause: err });
  }
  return asObject(value, 'the message');
}

/** Throws BadMessage for what is no JSON object. */
export function asObject(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new BadMessage(`${what} is no object`);
  return value as Record<string, unknown>;
}

/** A list of at most `max` members; absent is empty. Throws BadMessage. */
export function asList(value: unknown, what: string, max: number): unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.length > max) throw new BadMessage(`${what} is no list of at most ${max}`);
  return value;
}

/** One of a closed set of words. Throws BadMessage. */
export function asWord<const Word extends string>(value: unknown, what: string, words: readonly Word[]): Word {
  const word = words.find((one) => one === value);
  if (word === undefined) throw new BadMessage(`${what} is none of ${words.join(', ')}`);
  return word;
}
