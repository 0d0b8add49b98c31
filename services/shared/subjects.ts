import { bus } from './contract/bus.js';
import { excerpt } from './excerpt.js';

/** A name that cannot become part of a subject, or a subject that is none of ours. */
export class BadName extends Error {
  override name = 'BadName';
}

const TOKEN = /^[A-Za-z0-9-]+$/;
const NODE = /^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$/;
const NODE_TOKEN = /^[A-Za-z0-9_-]+$/;
const MAX_SUBJECT = 512;
const CANARIES = `${bus.subjects.canary}.`;

/** `/cluster/node/<node><path>`: the full address of a node's resource; `path` begins with a slash. */
export const resourceAddress = (node: string, path: string): string => `/cluster/node/${node}${path}`;

/** Whether a text can be the name of a node: labels of letters, digits and -, joined by dots. */
export const isNodeName = (text: string): boolean => text.length <= 253 && NODE.test(text);

/**
 * The token that stands for a node in subjects and keys. A dot becomes `_`, which no node name contains (RFC 1123),
 * so the mapping can be read back. Throws BadName for anything that is no node name.
 */
export function nodeToken(node: string): string {
  if (!isNodeName(node)) {
    throw new BadName(
      `"${excerpt(node)}" is no node name: letters, digits, - and . only, for example compute-1.example.com`,
    );
  }
  return node.replaceAll('.', '_');
}

/** The node name behind a token of a subject or a key. Throws BadName. */
export function nodeOfToken(token: string): string {
  if (!isNodeToken(token)) throw new BadName(`"${excerpt(token)}" stands for no node`);
  return token.replaceAll('_', '.');
}

/** Whether a text can be the token of a node. */
export const isNodeToken = (text: string): boolean => NODE_TOKEN.test(text) && isNodeName(text.replaceAll('_', '.'));

/** `ptp.events.<node>.<resource tokens>`. Throws BadName. */
export const eventSubject = (node: string, path: string): string => subject(bus.subjects.events, node, path);

/** `ptp.query.<node>.<resource tokens>`. Throws BadName. */
export const querySubject = (node: string, path: string): string => subject(bus.subjects.query, node, path);

/** `ptp.receipts.<node>`. Throws BadName. */
export const receiptsSubject = (node: string): string => `${bus.subjects.receipts}.${nodeToken(node)}`;

/** `ptp.latency.<node>`. Throws BadName. */
export const latencySubject = (node: string): string => `${bus.subjects.latency}.${nodeToken(node)}`;

/** `ptp.canary.<node>`. Throws BadName. */
export const canarySubject = (node: string): string => `${bus.subjects.canary}.${nodeToken(node)}`;

/** `ptp.gateways.<scope>`. */
export const gatewaySubject = (scope: string): string => `${bus.subjects.gateways}.${scope}`;

/** Node and resource path (`/sync/…`, `/canary`) of a subject under `ptp.events`, `ptp.query` or `ptp.canary`. Throws BadName. */
export function resourceOfSubject(name: string): { node: string; path: string } {
  const [, , node, ...tokens] = name.split('.');
  const isCanary = tokens.length === 0 && name.startsWith(CANARIES);
  if (isCanary && node !== undefined) return { node: nodeOfToken(node), path: bus.canary.path };
  if (node === undefined || tokens.length === 0) throw new BadName(`"${excerpt(name)}" names no resource`);
  return { node: nodeOfToken(node), path: `/${tokens.join('/')}` };
}

/** Whether a text is the subject of an event: one that `eventSubject` could have made. */
export function isEventSubject(name: string): boolean {
  if (!name.startsWith(`${bus.subjects.events}.`)) return false;
  try {
    const { node, path } = resourceOfSubject(name);
    return eventSubject(node, path) === name;
  } catch (err) {
    if (err instanceof BadName) return false;
    throw err;
  }
}

// Checked once, when built: an empty token is answered "JetStream not enabled", and a literal `*` or `>` would be stored.
function subject(prefix: string, node: string, path: string): string {
  const tokens = path.split('/').slice(1);
  const bad = tokens.find((token) => !TOKEN.test(token));
  if (!path.startsWith('/') || tokens.length === 0 || bad !== undefined) {
    throw new BadName(
      `"${excerpt(path)}" is no resource path: /letters, digits and -/…, for example /sync/ptp-status/lock-state`,
    );
  }
  const name = `${prefix}.${nodeToken(node)}.${tokens.join('.')}`;
  if (name.length > MAX_SUBJECT) throw new BadName(`subject of ${name.length} characters, at most ${MAX_SUBJECT}`);
  return name;
}
