import { createHmac } from 'node:crypto';
import { stringify } from 'uuid';
import { BadMessage, parseMessage } from '../../shared/messageChecks.js';
import { isNodeName } from '../../shared/subjects.js';
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

/**
 * Reads what the bucket holds. Throws BadMessage when it cannot be served.
 * @param value a value of the bucket
 */
export function readRecord(value: Uint8Array): SubscriptionRecord {
  const record = parseMessage('SubscriptionRecord', value);
  // Ours has none: a secret that is null would have its pushes go out unsigned.
  if (hasNull(Buffer.from(value).toString())) throw new BadMessage('a member of it is null');
  const { node, path } = record.filter;
  if (node !== '*' && !isNodeName(node)) throw new BadMessage('filter.node is neither a node name nor *');
  if (!RESOURCES.some((resource) => resource === path || resource.startsWith(`${path}/`))) {
    throw new BadMessage('filter.path is neither a resource nor above one');
  }
  return record;
}

/** Whether a JSON text has a null in it. (Texts may have the word, and are looked at more closely.) */
function hasNull(json: string): boolean {
  let isFound = false;
  if (json.includes('null')) {
    JSON.parse(json, (_, value: unknown) => {
      isFound ||= value === null;
      return value;
    });
  }
  return isFound;
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
