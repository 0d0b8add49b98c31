import { bus } from '../../shared/contract/bus.js';
import { excerpt } from '../../shared/excerpt.js';
import { nodeToken } from '../../shared/subjects.js';

/** Every event resource of a node: `/sync/ptp-status/lock-state` … */
export const RESOURCES: readonly string[] = Object.values(bus.resources).map(({ path }) => path);

/** Other names that consumers' documents know: short forms, and what O-RAN and other releases call a resource. */
const ALIASES: Record<string, string> = {
  '/ptp': '/sync/ptp-status',
  '/clock': '/sync/sync-status',
  '/sync/ptp-status/clock-class': bus.resources.clockClass.path,
  '/sync/gnss-status/gnss-sync-state': bus.resources.gnssSyncStatus.path,
};

/** Which events somebody wants. */
export interface ResourceFilter {
  /** Node name, or `*` for every node. */
  node: string;
  /** A resource, or the path above several: `/sync`, `/sync/ptp-status`. */
  path: string;
}

/** A text that names no resource of ours; the message says what would. */
export class NotAResource extends Error {
  override name = 'NotAResource';
}

/**
 * Reads `/cluster/node/<node or *>/<path>`. The own node may be written as `.`, or left out
 * (`/cluster/node/sync/…`: what is left when an HTTP client squashes the `.` of a URL). Slashes at the end mean nothing. Paths match by whole segments.
 * Throws NotAResource.
 * @param text as a client wrote it
 * @param ownNode node the gateway runs on, where it knows
 */
export function parseResource(text: string, ownNode?: string): ResourceFilter {
  const [, address] = /^\/cluster\/node(\/.+)$/.exec(withoutTrailingSlashes(text)) ?? [];
  if (address === undefined) throw new NotAResource(`"${excerpt(text)}" is no resource; ${examples('<node>')}`);
  const [, node, rest] = /^\/([^/]+)(\/.+)$/.exec(address) ?? [];
  const path = pathOf(rest);
  if (node !== undefined && path !== undefined) {
    if (node === '.') return { node: known(ownNode), path };
    if (node !== '*') checkNode(node);
    return { node, path };
  }
  const ownPath = pathOf(address);
  if (ownPath !== undefined) return { node: known(ownNode), path: ownPath };
  if (node === undefined || rest === undefined) {
    throw new NotAResource(`"${excerpt(text)}" is no resource; ${examples('<node>')}`);
  }
  throw new NotAResource(`there is no "${excerpt(rest)}" of a node; ${examples(excerpt(node))}`);
}

/** Reads an exact resource of one node. Throws NotAResource, which names the resources below a sub-tree. */
export function parseExactResource(text: string, ownNode?: string): ResourceFilter {
  const filter = parseResource(text, ownNode);
  if (filter.node === '*') throw new NotAResource(`one node at a time; ${examples('<node>')}`);
  if (!RESOURCES.includes(filter.path)) {
    throw new NotAResource(
      `"${excerpt(text)}" is above several resources: ${addresses(filter.node, resourcesBelow(filter.path))}`,
    );
  }
  return filter;
}

/** A filter's place in the index. */
export const filterKey = ({ node, path }: ResourceFilter): string => `${node} ${path}`;

/** The keys of all filters that an event of this resource matches: its path and those above, for the node and for `*`. */
export function matchingKeys(node: string, path: string): string[] {
  const keys: string[] = [];
  for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) {
    const above = path.slice(0, end);
    keys.push(`${node} ${above}`, `* ${above}`);
  }
  return keys;
}

function withoutTrailingSlashes(text: string): string {
  let end = text.length;
  while (text[end - 1] === '/') end -= 1;
  return text.slice(0, end);
}

/** The path that a text stands for, if it or anything below it is a resource. */
function pathOf(text: string | undefined): string | undefined {
  const path = ALIASES[text ?? ''] ?? text;
  return path !== undefined && resourcesBelow(path).length > 0 ? path : undefined;
}

function known(ownNode: string | undefined): string {
  if (ownNode !== undefined) return ownNode;
  throw new NotAResource(`this gateway stands on no node of its own (NODE_NAME), name the node; ${examples('<node>')}`);
}

/**
 * The resources that a filter is about; for `*` those of the nodes that are known.
 * @param nodes asked only for `*`
 */
export function targetsOf(
  { node, path }: ResourceFilter,
  nodes: () => Promise<string[]>,
): ResourceFilter[] | Promise<ResourceFilter[]> {
  const of = (one: string): ResourceFilter[] => resourcesBelow(path).map((below) => ({ node: one, path: below }));
  return node === '*' ? nodes().then((all) => all.flatMap(of)) : of(node);
}

const resourcesBelow = (path: string): string[] =>
  RESOURCES.filter((resource) => resource === path || resource.startsWith(`${path}/`));

function checkNode(node: string): void {
  try {
    nodeToken(node);
  } catch (err) {
    throw new NotAResource((err as Error).message, { cause: err });
  }
}

const addresses = (node: string, paths: readonly string[]): string =>
  paths.map((path) => `/cluster/node/${node}${path}`).join(', ');

const examples = (node: string): string => `the resources are ${addresses(node, RESOURCES)}`;
