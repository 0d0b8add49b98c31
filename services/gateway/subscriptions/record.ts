import { createHmac } from 'node:crypto';
import { stringify } from 'uuid';
import { isNodeName } from '../../shared/subjects.js';
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
  /**
   * Key that pushes are signed with (`whsec_…`); never shown, and sealed in the bucket. Absent: they are not signed. Where it
   * could not be opened it is still sealed, and the subscription disabled.
   */
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

/** What a subscription is: the same endpoint and resource, and of callers who have shown who they are, the same caller. */
export type Identity = Pick<SubscriptionRecord, 'filter' | 'owner'> & { endpoint: URL };

/** Owners who have shown who they are; all others are addresses. */
const AUTHENTICATED = /^token:/;

/**
 * The id of a subscription follows from what it is, so that the same endpoint and resource are one subscription, however
 * often and at however many gateways it is made. Only who has the scope's key can tell it (ADR 71): where access is open,
 * knowing an id is the right to use it. An address is no part of it: a consumer's changes with each restart.
 * @param key random, of the scope
 */
export function subscriptionId(key: Buffer, scope: string, { filter, endpoint, owner }: Identity): string {
  const what = [scope, filter.node, filter.path, endpoint.href, ...(AUTHENTICATED.test(owner) ? [owner] : [])];
  const id = createHmac('sha256', key).update(JSON.stringify(what)).digest().subarray(0, 16);
  // RFC 9562 §5.8: a UUID of a form of our own.
  id.writeUInt8((id.readUInt8(6) & 0x0f) | 0x80, 6);
  id.writeUInt8((id.readUInt8(8) & 0x3f) | 0x80, 8);
  return stringify(id);
}
