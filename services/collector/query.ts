import { Svcm, type ServiceMsg } from '@nats-io/services';
import type { NatsConnection } from '../shared/broker.js';
import { bus } from '../shared/contract/bus.js';
import type { Logger } from '../shared/log.js';
import type { CurrentState } from '../shared/messages.js';
import { nodeToken, resourceOfSubject } from '../shared/subjects.js';
import { RESOURCES, type Resource } from './state/view.js';

const SERVICE_VERSION = '1.0.0';
const NOT_FOUND = 404;

const byPath = new Map<string, Resource>(RESOURCES.map((resource) => [bus.resources[resource].path, resource]));

/** Answers `ptp.query.<node>.<resource tokens>`; `nats micro ls` shows the service. */
export async function serveQueries(
  broker: NatsConnection,
  nodeName: string,
  current: (resource: Resource) => CurrentState | undefined,
  log: Logger,
): Promise<() => Promise<unknown>> {
  // The package brings types of a client of its own, which is another version of the same.
  const client = broker as unknown as ConstructorParameters<typeof Svcm>[0];
  const service = await new Svcm(client).add({
    name: bus.services.collector,
    version: SERVICE_VERSION,
    description: `PTP state of node ${nodeName}`,
    metadata: { node: nodeName },
    // Every node answers for itself only, so there is nobody to share the requests with.
    queue: '',
  });
  service.addEndpoint('state', {
    subject: `${bus.subjects.query}.${nodeToken(nodeName)}.>`,
    handler: (err, message) => {
      if (err) log.warn({ err }, 'query failed');
      else answer(message, current);
    },
  });
  return () => service.stop();
}

/** What answers may not go to: whoever asks would have us write there, with our right and not with theirs. */
const isOfTheBus = (subject: string | undefined): boolean => /^(\$|ptp\.)/.test(subject ?? '');

function answer(message: ServiceMsg, current: (resource: Resource) => CurrentState | undefined): void {
  if (isOfTheBus(message.reply)) return;
  const resource = byPath.get(resourceOfSubject(message.subject).path);
  const state = resource && current(resource);
  if (state) message.respond(JSON.stringify(state));
  else message.respondError(NOT_FOUND, 'nothing known');
}
