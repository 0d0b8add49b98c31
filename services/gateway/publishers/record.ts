import { v5 as nameBasedUuid } from 'uuid';
import { resourceOfPath } from '../../shared/eventData.js';
import { BadMessage, parseMessage } from '../../shared/messageChecks.js';
import { resourceAddress } from '../../shared/subjects.js';

/** A publisher that was made over REST, as it is stored in the bucket ptp_publishers. */
export interface PublisherRecord {
  id: string;
  /** As the client wrote it. */
  resource: string;
  node: string;
  /** Resource path without the node. */
  path: string;
  /** As the client wrote it; null when it gave none. */
  endpointUri: string | null;
  /** Who made it. */
  owner: string;
  /** RFC 3339, UTC. */
  createdAt: string;
}

/** Who publishes a resource of a node: its collector, or whoever made a publisher for it over REST. */
export type Publisher = Pick<PublisherRecord, 'id' | 'resource' | 'endpointUri'>;

/** Namespace of publisher ids (RFC 9562 §5.5): a fixed random UUID. */
const NAMESPACE = '0f5d2a57-9be7-4f0b-8d57-4cf5a9a8f7c3';

/** Reads what the bucket holds. Throws BadMessage when it is no publisher. */
export function readPublisher(value: Uint8Array): PublisherRecord {
  const { endpointUri = null, ...record } = parseMessage('PublisherRecord', value);
  const { id, node, path } = record;
  if (resourceOfPath(path) === undefined || id !== publisherId(node, path)) {
    throw new BadMessage('it is no publisher of a resource of ours');
  }
  return { ...record, endpointUri };
}

/** The id follows from the resource, which has one publisher: the same on every gateway and after every restart. */
export const publisherId = (node: string, path: string): string =>
  nameBasedUuid(resourceAddress(node, path), NAMESPACE);
