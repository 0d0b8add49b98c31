import { bus } from '../../shared/contract/bus.js';
import { nodeToken } from '../../shared/subjects.js';

/** Every event resource of a node: `/sync/ptp-status/lock-state` … */
export const RESOURCES: readonly string[] = Object.values(bus.resources).map(({ path }) => path);

/** Short forms that consumers' documents know. */
const ALIASES: Record<string, string> = { '/ptp': '/sync/ptp-status', '/clock': '/sync/sync-status' };

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
 * Reads `/cluster/node/<node or *>/<path>`. Paths match by whole segments. Throws NotAResource.
 * @param text as a client wrote it
 */
export function parseResource(text: string): ResourceFilter {
  const [, node, rest] = /^\/cluster\/node\/([^/]+)(\/.+)$/.exec(text) ?? [];
  if (node === undefined || rest === undefined)
    throw new NotAResource(`"${text}" is no resource; ${examples('<node>')}`);
  if (node !== '*') checkNode(node);
  const path = ALIASES[rest] ?? rest;
  if (resourcesBelow(path).length === 0) throw new NotAResource(`there is no "${rest}" of a node; ${examples(node)}`);
  return { node, path };
}

/** Reads an exact resource of one node. Throws NotAResource, which names the resources below a sub-tree. */
export function parseExactResource(text: string): ResourceFilter {
  const filter = parseResource(text);
  if (filter.node === '*') throw new NotAResource(`ask one node at a time; ${examples('<node>')}`);
  if (!RESOURCES.includes(filter.path)) {
    throw new NotAResource(
      `"${text}" is above several resources: ${addresses(filter.node, resourcesBelow(filter.path))}`,
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
