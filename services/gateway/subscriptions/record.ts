import { v5 as nameBasedUuid } from 'uuid';
import { isNodeName } from '../../shared/subjects.js';
import type { Caller } from '../access/caller.js';
import type { ResourceFilter } from './resource.js';

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

/** A path above or of resources: subjects are made of it. */
const PATH = /^(\/[A-Za-z0-9-]+)+$/;

/** Whether something that was read from the bucket can be served. */
export function isRecord(value: unknown): value is SubscriptionRecord {
  if (typeof value !== 'object' || value === null) return false;
  const {
    id,
    resource,
    filter,
    endpointUri,
    secret = '',
    owner,
    createdAt,
    start,
    stream,
    incarnation,
  } = value as Partial<Record<keyof SubscriptionRecord, unknown>>;
  const areTexts = [id, resource, endpointUri, secret, owner, createdAt, stream, incarnation].every(
    (text) => typeof text === 'string',
  );
  if (!areTexts || !Number.isSafeInteger(start) || !URL.canParse(endpointUri as string)) return false;
  const { node, path } = (filter ?? {}) as Partial<ResourceFilter>;
  if (typeof node !== 'string' || typeof path !== 'string') return false;
  return (node === '*' || isNodeName(node)) && PATH.test(path);
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
