import { parseEndpoint, type EndpointPolicy } from '../endpoints/policy.js';
import { Problem } from './problems.js';

const MAX_RESOURCE = 512;
const MAX_ENDPOINT = 2_048;

type Body = Record<string, unknown>;

/** The members a client may write, in the order in which they count; letters match in any case, as they always have in v1. */
const RESOURCE = ['resource', 'ResourceAddress'] as const;
const ENDPOINT = ['endpointUri', 'EndpointUri'] as const;

/** Whether a client writes `ResourceAddress`; it is answered with the names that go with the one it has written. */
export const usesV2Names = (body: Body): boolean => writtenAs(body, RESOURCE).toLowerCase() === 'resourceaddress';

/** What the endpoint is called in the names that the client uses. */
export const endpointName = (body: Body): string => ENDPOINT[usesV2Names(body) ? 1 : 0];

/** The resource that a subscription or publisher is for. Throws Problem 400. */
export function readResource(body: Body): string {
  const name = writtenAs(body, RESOURCE);
  const text = readText(body, name, MAX_RESOURCE);
  if (text === undefined) throw missing(name);
  return text;
}

/** The member of a request that holds what has this one name, in any case of its letters. */
export const spelt = (body: Body, name: string): string => writtenAs(body, [name]);

/** The member that holds what has several names: the first that says something, else the first there is. */
function writtenAs(body: Body, names: readonly [string, ...string[]]): string {
  const members = names.flatMap((name) => spellings(body, name));
  return members.find((member) => !isEmpty(body[member])) ?? members[0] ?? names[0];
}

/** The members of a name, the one that is spelt as it is here first. */
const spellings = (body: Body, name: string): string[] =>
  Object.keys(body)
    .filter((member) => member.toLowerCase() === name.toLowerCase())
    .toSorted((a, b) => Number(b === name) - Number(a === name));

const isEmpty = (value: unknown): boolean => value === undefined || value === null || value === '';

/** The endpoint, as written and as a URL; undefined when there is none. Throws Problem 400, EndpointRefused. */
export function readEndpoint(body: Body, policy: EndpointPolicy): { text: string; url: URL } | undefined {
  const text = readText(body, writtenAs(body, ENDPOINT), MAX_ENDPOINT);
  if (text === undefined) return undefined;
  try {
    return { text, url: parseEndpoint(text, policy) };
  } catch (err) {
    if (err instanceof TypeError) throw new Problem(400, 'malformed request', err.message);
    throw err;
  }
}

export const missing = (name: string): Problem =>
  new Problem(400, 'malformed request', `"${name}" is required and must be a text that is not empty`);

/** A text; undefined when it is absent, null or empty. Throws Problem 400. */
export function readText(body: Body, name: string, longest: number): string | undefined {
  const text = body[name];
  if (isEmpty(text)) return undefined;
  if (typeof text !== 'string') throw missing(name);
  if (text.length > longest)
    throw new Problem(400, 'malformed request', `"${name}" may have at most ${longest} characters`);
  return text;
}
