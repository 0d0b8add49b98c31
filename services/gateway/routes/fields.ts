import { parseEndpoint, type EndpointPolicy } from '../endpoints/policy.js';
import { Problem } from './problems.js';

const MAX_RESOURCE = 512;
const MAX_ENDPOINT = 2_048;

type Body = Record<string, unknown>;

/** Whether a client writes `ResourceAddress` and `EndpointUri`; it is answered as it asks. */
export const usesV2Names = (body: Body): boolean =>
  body['resource'] === undefined && body['ResourceAddress'] !== undefined;

export const endpointName = (body: Body): string => (usesV2Names(body) ? 'EndpointUri' : 'endpointUri');

/** The resource that a subscription or publisher is for. Throws Problem 400. */
export function readResource(body: Body): string {
  const name = usesV2Names(body) ? 'ResourceAddress' : 'resource';
  const text = readText(body, name, MAX_RESOURCE);
  if (text === undefined) throw missing(name);
  return text;
}

/** The endpoint, as written and as a URL; undefined when there is none. Throws Problem 400, EndpointRefused. */
export function readEndpoint(body: Body, policy: EndpointPolicy): { text: string; url: URL } | undefined {
  const text = readText(body, endpointName(body), MAX_ENDPOINT);
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
  if (text === undefined || text === null || text === '') return undefined;
  if (typeof text !== 'string') throw missing(name);
  if (text.length > longest)
    throw new Problem(400, 'malformed request', `"${name}" may have at most ${longest} characters`);
  return text;
}
