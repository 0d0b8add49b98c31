import { messages } from './contract/messages.js';
import { FORMS } from './messageForms.js';
import type { MessageTypes } from './messages.js';

/** A message that is not what proto/ promises; the text says where and why. */
export class BadMessage extends Error {
  override name = 'BadMessage';
}

/** What proto/ says of one member of a message. */
interface Member {
  /** Of protobuf, or the name of another message. */
  type: string;
  many?: 'list' | 'map';
  isOptional?: boolean;
  form?: string;
  words?: readonly string[];
  maxLength?: number;
  maxItems?: number;
  min?: number;
  max?: number;
}

interface Rules {
  members: Readonly<Record<string, Member>>;
  maxBytes?: number;
  isList?: boolean;
}

/** Gives what the contract knows of a value; throws BadMessage. */
type Check = (value: unknown) => unknown;

const MAX_BYTES = 65_536;
const MAX_LENGTH = 1_024;
const MAX_ITEMS = 1_024;
const WHOLE_NUMBERS: Record<string, [min: number, max: number]> = {
  uint32: [0, 2 ** 32 - 1],
  int32: [-(2 ** 31), 2 ** 31 - 1],
};

const rulesOf = (name: string): Rules => messages[name as keyof typeof messages];
const checks = new Map(Object.keys(messages).map((name) => [name, messageCheck(name, '')]));

/**
 * What somebody else has written, once it is known to be the message that proto/ describes: a copy with the members of
 * the contract and nothing else; lists and maps that were absent are empty. Throws BadMessage.
 * @param name of the message in proto/ptp/v1
 */
export function checkMessage<Name extends keyof MessageTypes>(name: Name, value: unknown): MessageTypes[Name] {
  return checks.get(name)?.(value) as MessageTypes[Name];
}

/** The same for a message as it came: bytes, or the text of a header. Throws BadMessage, also when it is too large or no JSON. */
export function parseMessage<Name extends keyof MessageTypes>(
  name: Name,
  message: Uint8Array | string,
): MessageTypes[Name] {
  const { maxBytes = MAX_BYTES } = rulesOf(name);
  if (message.length > maxBytes) throw new BadMessage(`${message.length} bytes, at most ${maxBytes} are read`);
  const text = typeof message === 'string' ? message : Buffer.from(message.buffer, message.byteOffset, message.length);
  let value: unknown;
  try {
    value = JSON.parse(text.toString());
  } catch (err) {
    throw new BadMessage('not JSON', { cause: err });
  }
  return checkMessage(name, value);
}

/** @param where the member that is checked, for the error: `resources[].clocks[].since` */
function messageCheck(name: string, where: string): Check {
  const { members, isList = false } = rulesOf(name);
  const all = Object.entries(members).map(([member, rules]) => {
    const check = memberCheck(rules, where === '' ? member : `${where}.${member}`);
    return { member, check };
  });
  if (!isList) {
    return (value) => {
      const given = asObject(value, where);
      const read: Record<string, unknown> = {};
      for (const { member, check } of all) {
        const one = check(Object.hasOwn(given, member) ? given[member] : undefined);
        if (one !== undefined) read[member] = one;
      }
      return read;
    };
  }
  return (value) => {
    const given = asList(value, where, all.length);
    const read = all.map(({ check }, i) => check(given[i]));
    while (read.length > 0 && read.at(-1) === undefined) read.pop();
    return read;
  };
}

function memberCheck(rules: Member, where: string): Check {
  const { many, maxItems = MAX_ITEMS, isOptional } = rules;
  if (many === 'list') {
    const check = valueCheck(rules, `${where}[]`);
    return (value) => asList(value ?? [], where, maxItems).map(check);
  }
  if (many === 'map') return mapCheck(rules, where);
  const check = valueCheck(rules, where);
  if (!isOptional) return check;
  return (value) => (value === undefined || value === null ? undefined : check(value));
}

function mapCheck({ maxItems = MAX_ITEMS, maxLength = MAX_LENGTH, ...rules }: Member, where: string): Check {
  const check = valueCheck(rules, `${where}[]`);
  return (value) => {
    const entries = Object.entries(asObject(value ?? {}, where));
    if (entries.length > maxItems) throw bad(where, `has ${entries.length} members, at most ${maxItems} are read`);
    const long = entries.find(([key]) => key.length > maxLength);
    if (long) throw bad(where, `has a name of ${long[0].length} characters, at most ${maxLength} are read`);
    return Object.fromEntries(entries.map(([key, one]) => [key, check(one)]));
  };
}

function valueCheck(rules: Member, where: string): Check {
  const { type, form } = rules;
  if (type in messages) return messageCheck(type, where);
  const check = plainCheck(rules, where);
  if (form === undefined) return check;
  const known = FORMS[form];
  if (known === undefined) throw new Error(`${where}: no form ${form} is known`);
  return (value) => {
    if (known.fits(check(value) as never)) return value;
    throw bad(where, `is ${known.what}`);
  };
}

function plainCheck({ type, words, maxLength = MAX_LENGTH, min, max }: Member, where: string): Check {
  if (type === 'bool') {
    return (value) => {
      if (typeof value !== 'boolean') throw bad(where, 'is neither true nor false');
      return value;
    };
  }
  if (type === 'string') {
    return (value) => {
      if (typeof value !== 'string') throw bad(where, 'is no text');
      if (value.length > maxLength) throw bad(where, `has ${value.length} characters, at most ${maxLength} are read`);
      if (words !== undefined && !words.includes(value)) throw bad(where, `is none of ${words.join(', ')}`);
      return value;
    };
  }
  const whole = WHOLE_NUMBERS[type];
  if (whole === undefined && type !== 'double') throw new Error(`${where}: no type ${type} is known`);
  const [least, most] = whole ?? [-Number.MAX_VALUE, Number.MAX_VALUE];
  const from = Math.max(least, min ?? least);
  const upTo = Math.min(most, max ?? most);
  return (value) => {
    if (typeof value !== 'number' || (whole !== undefined && !Number.isInteger(value))) {
      throw bad(where, whole === undefined ? 'is no number' : 'is no whole number');
    }
    // What JSON writes too large for a double is read as Infinity.
    if (value < from || value > upTo) throw bad(where, `is not from ${from} to ${upTo}`);
    return value;
  };
}

function asObject(value: unknown, where: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw bad(where, 'is no object');
}

function asList(value: unknown, where: string, max: number): unknown[] {
  if (!Array.isArray(value)) throw bad(where, 'is no list');
  if (value.length > max) throw bad(where, `has ${value.length} members, at most ${max} are read`);
  return value;
}

const bad = (where: string, what: string): BadMessage => new BadMessage(`${where === '' ? 'it' : where} ${what}`);
