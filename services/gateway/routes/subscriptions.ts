import { Router } from '@koa/router';
import type { Context } from 'koa';
import type { DeadLetter, Subscription, SubscriptionV2Names } from '../../shared/contract/rest-v1.js';
import { parseEndpoint, type EndpointPolicy } from '../endpoints/policy.js';
import { DATA_VERSIONS, type DataVersion, type SubscriptionRecord } from '../subscriptions/record.js';
import { parseResource } from '../subscriptions/resource.js';
import { Unavailable, type SubscribeRequest, type Subscriptions } from '../subscriptions/subscriptions.js';
import { readJsonObject } from './body.js';
import { Problem } from './problems.js';

const MAX_RESOURCE = 512;
const MAX_ENDPOINT = 2_048;

export interface SubscriptionRoutesDeps {
  /** Throws Unavailable until they are loaded. */
  subscriptions: () => Subscriptions;
  checkEndpoint: (endpoint: URL) => Promise<void>;
  /** What an endpoint refused for good; rejects while the broker is away. */
  deadLetters: (id: string) => Promise<DeadLetter[]>;
  policy: EndpointPolicy;
  /** Base of `uriLocation`; absent: as the client reached us. */
  publicUrl: string | undefined;
}

/** `/subscriptions` and `/subscriptions/{id}` of proto/openapi-v1.yaml. */
export function subscriptionRoutes(deps: SubscriptionRoutesDeps): Router {
  const { subscriptions } = deps;
  const router = new Router();

  router.post('/subscriptions', async (ctx) => {
    const { request, isV2Names } = readRequest(await readJsonObject(ctx), ctx.ip, deps.policy);
    const known = subscriptions();
    await deps.checkEndpoint(request.endpoint);
    // A client that has hung up meanwhile does not know of the subscription and would not delete it.
    if (ctx.req.socket.destroyed) return;
    const record = await known.create(request);
    ctx.status = 201;
    ctx.body = isV2Names ? v2Names(record, location(ctx, record)) : v1Names(record, location(ctx, record));
  });

  router.get('/subscriptions', async (ctx) => {
    const own = await subscriptions().ownedBy(ctx.ip);
    ctx.body = own.map((record) => v1Names(record, location(ctx, record)));
  });

  router.delete('/subscriptions', async (ctx) => {
    const known = subscriptions();
    const own = await known.ownedBy(ctx.ip);
    await Promise.all(own.map(({ id }) => known.delete(id)));
    ctx.body = { status: 'deleted all subscriptions' };
  });

  router.get('/subscriptions/:id', (ctx) => {
    const record = subscriptions().get(ctx.params['id'] ?? '');
    ctx.body = v1Names(record, location(ctx, record));
  });

  router.delete('/subscriptions/:id', async (ctx) => {
    await subscriptions().delete(ctx.params['id'] ?? '');
    ctx.body = { status: 'OK' };
  });

  router.put('/subscriptions/status/:id', async (ctx) => {
    await subscriptions().ping(ctx.params['id'] ?? '');
    ctx.status = 202;
    ctx.body = { status: 'ping sent' };
  });

  router.get('/subscriptions/:id/deadletters', async (ctx) => {
    const { id } = subscriptions().get(ctx.params['id'] ?? '');
    ctx.body = await deps.deadLetters(id).catch((err: unknown) => {
      throw new Unavailable('the broker is away', { cause: err });
    });
  });

  const location = (ctx: Context, { id }: SubscriptionRecord): string =>
    `${deps.publicUrl ?? `${ctx.protocol}://${ctx.host}`}/api/ocloudNotifications/v1/subscriptions/${id}`;

  return router;
}

function readRequest(
  body: Record<string, unknown>,
  owner: string,
  policy: EndpointPolicy,
): { request: SubscribeRequest; isV2Names: boolean } {
  const isV2Names = body['resource'] === undefined && body['ResourceAddress'] !== undefined;
  const [resourceName, endpointName] = isV2Names ? ['ResourceAddress', 'EndpointUri'] : ['resource', 'endpointUri'];
  const resource = requiredText(body, resourceName, MAX_RESOURCE);
  const endpointUri = requiredText(body, endpointName, MAX_ENDPOINT);
  return {
    request: {
      resource,
      filter: parseResource(resource),
      endpointUri,
      endpoint: readEndpoint(endpointUri, policy),
      dataVersion: readDataVersion(body['dataVersion']),
      owner,
    },
    isV2Names,
  };
}

function requiredText(body: Record<string, unknown>, name: string, longest: number): string {
  const text = body[name];
  if (typeof text !== 'string' || text === '') {
    throw new Problem(400, 'malformed request', `"${name}" is required and must be a text that is not empty`);
  }
  if (text.length > longest) throw new Problem(400, 'malformed request', `"${name}" may have ${longest} characters`);
  return text;
}

function readEndpoint(text: string, policy: EndpointPolicy): URL {
  try {
    return parseEndpoint(text, policy);
  } catch (err) {
    if (err instanceof TypeError) throw new Problem(400, 'malformed request', err.message);
    throw err;
  }
}

function readDataVersion(value: unknown): DataVersion | undefined {
  if (value === undefined || value === null) return undefined;
  const version = DATA_VERSIONS.find((known) => known === value);
  if (version === undefined) {
    throw new Problem(400, 'malformed request', `"dataVersion" must be one of ${DATA_VERSIONS.join(', ')}`);
  }
  return version;
}

const v1Names = ({ id, endpointUri, resource, disabledAt }: SubscriptionRecord, uriLocation: string): Subscription => ({
  id,
  endpointUri,
  uriLocation,
  resource,
  ...(disabledAt !== undefined && { disabledAt }),
});

const v2Names = ({ id, endpointUri, resource }: SubscriptionRecord, UriLocation: string): SubscriptionV2Names => ({
  ResourceAddress: resource,
  EndpointUri: endpointUri,
  SubscriptionId: id,
  UriLocation,
});
