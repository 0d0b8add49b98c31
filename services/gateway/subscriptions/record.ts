import { v5 as nameBasedUuid } from 'uuid';
import { BadMessage, parseMessage } from '../../shared/messageChecks.js';
import { isNodeName } from '../../shared/subjects.js';
import type { Caller } from '../access/caller.js';
import { RESOURCES, type ResourceFilter } from './resource.js';

/** Names of the members in `data.values`: new ones, old ones, or both sets in every value. */
export type DataVersion = '1.0' | 'v1' | 'both';
export const DATA_VERSIONS: readonly DataVersion[] = ['1.0', 'v1', 'both'];

/** A subscription as it is stored in the bucket ptp_subscriptions. */
export interface SubscriptionRecord {
  id: string;
  /** As the client wrote it. */
  resource: string;
  filter: ResourceFilter;
  /** As the client wrote it. */
  endpointUri: string;
  /** Absent: the gateway's own default. */
  dataVersion?: DataVersion;
  /** Key that pushes are signed with (`whsec_…`); never shown. Absent: they are not signed. */
  secret?: string;
  /** Whose it is: the token it was made with (`token:<name>`), without authentication the address it was made from. */
  owner: string;
  /** RFC 3339, UTC. */
  createdAt: string;
  /** RFC 3339, UTC: its endpoint answered 410 then, and nothing is sent until it is subscribed or pinged again. */
  disabledAt?: string;
  /** Events of the log beyond this stream sequence are its. */
  start: number;
  /** `created` of the stream that `start` belongs to. */
  stream: string;
  /** Separates a subscription from one with the same id that was deleted before. */
  incarnation: string;
}

/**
 * Reads what the bucket holds. Throws BadMessage when it cannot be served.
 * @param value a value of the bucket
 */
export function readRecord(value: Uint8Array): SubscriptionRecord {
  const record = parseMessage('SubscriptionRecord', value);
  // Ours has none: a secret that is null would have its pushes go out unsigned.
  if (Buffer.from(value).includes(':null')) throw new BadMessage('a member of it is null');
  const { node, path } = record.filter;
  if (node !== '*' && !isNodeName(node)) throw new BadMessage('filter.node is neither a node name nor *');
  if (!RESOURCES.some((resource) => resource === path || resource.startsWith(`${path}/`))) {
    throw new BadMessage('filter.path is neither a resource nor above one');
  }
  return record;
}

/** Namespace of subscription ids (RFC 9562 §5.5): a fixed random UUID. */
const NAMESPACE = '6f1a3c0e-0d52-4c5e-9d0e-2d6a6f6f1b57';

/**
 * The id of a subscription follows from what it is, so that the same endpoint and resource are one subscription,
 * however often it is made. Callers who have shown who they are do not share one; an address is no such proof, and a
 * consumer's changes with each restart.
 */
export function subscriptionId(
  scope: string,
  { filter, endpoint, caller }: { filter: ResourceFilter; endpoint: URL; caller: Caller },
): string {
  const what = [scope, filter.node, filter.path, endpoint.href, ...(caller.isAuthenticated ? [caller.owner] : [])];
  return nameBasedUuid(JSON.stringify(what), NAMESPACE);
}
