import { createHash, timingSafeEqual } from 'node:crypto';
import { parseDocument } from 'yaml';
import { excerpt } from '../../shared/excerpt.js';
import { ROLES, Unauthenticated, type Access, type Caller, type Role } from './caller.js';

/** A token that is known, by its SHA-256. */
interface Token {
  digest: Buffer;
  caller: Caller;
}

const NAME = /^[A-Za-z0-9._-]{1,64}$/;
/** What a bearer token is made of (RFC 6750 §2.1), and long enough not to be guessed. */
const TOKEN = /^[A-Za-z0-9._~+/-]{16,512}=*$/;
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i;
const DIGEST = /^[0-9a-f]{64}$/i;

/**
 * Reads a file of tokens: a YAML (or JSON) list of `{name, token or sha256, roles}`. Several entries of one name are one
 * caller, so that tokens can be changed without a gap. Throws TypeError that says which entry is wrong, never what it says.
 */
export function parseTokens(text: string): Token[] {
  const document = parseDocument(text);
  // The library's own message quotes the line, which may hold a token.
  const [mistake] = document.errors;
  if (mistake !== undefined) throw new TypeError(`not YAML, see line ${mistake.linePos?.[0].line ?? 'unknown'}`);
  const list: unknown = document.toJS();
  if (!Array.isArray(list) || list.length === 0)
    throw new TypeError('must be a list of {name, token or sha256, roles}');
  const tokens = list.map((entry: unknown, i) => readToken(entry, `entry ${i + 1}`));
  const digests = tokens.map(({ digest }) => digest.toString('hex'));
  const twice = digests.findIndex((digest, i) => digests.indexOf(digest) !== i);
  if (twice >= 0) throw new TypeError(`entry ${twice + 1} has a token that stands there already`);
  return tokens;
}

function readToken(entry: unknown, where: string): Token {
  const { name, token, sha256, roles, ...others } = (entry ?? {}) as Record<string, unknown>;
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw new TypeError(`${where}: "name" must be 1 to 64 letters, digits, dots, - and _`);
  }
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new TypeError(`${where}: there is no "${excerpt(unknown)}"`);
  if ((token === undefined) === (sha256 === undefined)) {
    throw new TypeError(`${where}: one of "token" and "sha256" is needed`);
  }
  if (token !== undefined && (typeof token !== 'string' || !TOKEN.test(token))) {
    throw new TypeError(`${where}: "token" must be 16 or more letters, digits and . _ ~ + / -`);
  }
  if (sha256 !== undefined && (typeof sha256 !== 'string' || !DIGEST.test(sha256))) {
    throw new TypeError(`${where}: "sha256" must be 64 hexadecimal digits in quotes`);
  }
  const digest = typeof token === 'string' ? digestOf(token) : Buffer.from(sha256 as string, 'hex');
  return {
    digest,
    caller: { owner: `token:${name}`, isAuthenticated: true, roles: readRoles(roles, where) },
  };
}

function readRoles(roles: unknown, where: string): Set<Role> {
  const known: readonly unknown[] = ROLES;
  if (!Array.isArray(roles) || roles.length === 0 || !roles.every((role) => known.includes(role))) {
    throw new TypeError(`${where}: "roles" must be a list of ${ROLES.join(', ')}`);
  }
  return new Set(roles as Role[]);
}

/** Callers show a bearer token (RFC 6750). */
export class TokenAccess implements Access {
  #tokens: readonly Token[];

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  /** From now on these tokens are known. */
  replace(tokens: readonly Token[]): void {
    this.#tokens = tokens;
  }

  callerOf({ authorization }: { authorization: string }): Caller {
    if (authorization === '') throw new Unauthenticated('a bearer token is needed: "Authorization: Bearer …"');
    const [, token] = BEARER.exec(authorization) ?? [];
    const given = digestOf(token ?? '');
    let caller: Caller | undefined;
    // All are compared, always: the time it takes says nothing about any of them.
    for (const known of this.#tokens) if (timingSafeEqual(known.digest, given)) ({ caller } = known);
    if (token === undefined || caller === undefined) throw new Unauthenticated('the bearer token is not known');
    return caller;
  }
}

const digestOf = (token: string): Buffer => createHash('sha256').update(token).digest();
