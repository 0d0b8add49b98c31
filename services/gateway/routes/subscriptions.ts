import { Router } from '@koa/router';
import type { Context } from 'koa';
import type { DeadLetter, Subscription, SubscriptionV2Names } from '../../shared/contract/rest-v1.js';
import { checkOwner, type Caller } from '../access/caller.js';
import type { EndpointPolicy } from '../endpoints/policy.js';
import { keyOf } from '../endpoints/sign.js';
import { ownOf } from '../subscriptions/ownership.js';
import { DATA_VERSIONS, type DataVersion, type SubscriptionRecord } from '../subscriptions/record.js';
import { parseResource } from '../subscriptions/resource.js';
import {
  Unavailable,
  UnknownSubscription,
  type SubscribeRequest,
  type Subscriptions,
} from '../subscriptions/subscriptions.js';
import { readJsonObject } from './body.js';
import { callerOf, needs, wantsAll } from './access.js';
import { endpointName, missing, readEndpoint, readResource, readText, spelt, usesV2Names } from './fields.js';
import { locationOf } from './location.js';
import { Problem } from './problems.js';

const MAX_SECRET = 128;
/** Deletions of one request that wait for the broker at a time. */
const DELETED_AT_ONCE = 64;

export interface SubscriptionRoutesDeps {
  /** Throws Unavailable until they are loaded. */
  subscriptions: () => Subscriptions;
  /** Throws EndpointCheckFailed, EndpointRefused, TooMany. */
  checkEndpoint: (endpoint: URL, caller: Caller) => Promise<void>;
  /** What an endpoint refused for good; rejects while the broker is away. */
  deadLetters: (id: string) => Promise<DeadLetter[]>;
  policy: EndpointPolicy;
  /** What `.` in a resource stands for. */
  ownNode: string | undefined;
  /** Whether this gateway stands beside one application: the subscriptions of its scope are all that one's. */
  isSidecar: boolean;
  /** Base of `uriLocation`; absent: as the client reached us. */
  publicUrl: string | undefined;
}

/** `/subscriptions` and `/subscriptions/{id}` of proto/openapi-v1.yaml. */
export function subscriptionRoutes(deps: SubscriptionRoutesDeps): Router {
  const { subscriptions } = deps;
  const router = new Router();

  /** The caller's own, or everybody's where it may ask for them. */
  const ownOrAll = async (ctx: Context): Promise<SubscriptionRecord[]> => {
    const caller = callerOf(ctx);
    const all = subscriptions().all();
    return wantsAll(ctx) || (deps.isSidecar && !caller.isAuthenticated) ? all : ownOf(all, caller);
  };
  /** Throws UnknownSubscription, Forbidden. */
  const ownOne = (ctx: Context): SubscriptionRecord => {
    const record = subscriptions().get(ctx['params']['id'] ?? '');
    checkOwner(callerOf(ctx), record);
    return record;
  };

  router.post('/subscriptions', needs('subscriber'), async (ctx) => {
    const { request, isV2Names } = readRequest(await readJsonObject(ctx), callerOf(ctx), deps);
    const known = subscriptions();
    known.check(request);
    await deps.checkEndpoint(request.endpoint, request.caller);
    // A client that has hung up meanwhile does not know of the subscription and would not delete it.
    if (ctx.req.socket.destroyed) return;
    const record = await known.create(request);
    ctx.status = 201;
    ctx.body = isV2Names ? v2Names(record, location(ctx, record)) : v1Names(record, location(ctx, record));
  });

  router.get('/subscriptions', needs('reader'), async (ctx) => {
    const records = await ownOrAll(ctx);
    ctx.body = records.map((record) => v1Names(record, location(ctx, record)));
  });

  router.delete('/subscriptions', needs('subscriber'), async (ctx) => {
    const records = await ownOrAll(ctx);
    await deleteAll(subscriptions(), records);
    ctx.body = { status: 'deleted all subscriptions' };
  });

  router.get('/subscriptions/:id', needs('reader'), (ctx) => {
    const record = ownOne(ctx);
    ctx.body = v1Names(record, location(ctx, record));
  });

  router.delete('/subscriptions/:id', needs('subscriber'), async (ctx) => {
    await subscriptions().delete(ownOne(ctx).id);
    ctx.body = { status: 'OK' };
  });

  router.put('/subscriptions/status/:id', needs('subscriber'), async (ctx) => {
    await subscriptions().ping(ownOne(ctx).id);
    ctx.status = 202;
    ctx.body = { status: 'ping sent' };
  });

  router.get('/subscriptions/:id/deadletters', needs('reader'), async (ctx) => {
    const { id } = ownOne(ctx);
    ctx.body = await deps.deadLetters(id).catch((err: unknown) => {
      throw new Unavailable('the broker is away', { cause: err });
    });
  });

  const location = (ctx: Context, { id }: SubscriptionRecord): string =>
    locationOf(ctx, deps.publicUrl, `subscriptions/${id}`);

  return router;
}

/** So many at a time that the broker has answered each long before its time-out. */
async function deleteAll(subscriptions: Subscriptions, records: readonly SubscriptionRecord[]): Promise<void> {
  const left = records.values();
  const deleteNext = async (): Promise<void> => {
    for (const { id } of left) {
      await subscriptions.delete(id).catch((err: unknown) => {
        // Somebody else was faster.
        if (!(err instanceof UnknownSubscription)) throw err;
      });
    }
  };
  await Promise.all(Array.from({ length: DELETED_AT_ONCE }, deleteNext));
}

function readRequest(
  body: Record<string, unknown>,
  caller: Caller,
  { policy, ownNode }: SubscriptionRoutesDeps,
): { request: SubscribeRequest; isV2Names: boolean } {
  const isV2Names = usesV2Names(body);
  const resource = readResource(body);
  const endpoint = readEndpoint(body, policy);
  if (endpoint === undefined) throw missing(endpointName(body));
  return {
    request: {
      resource,
      filter: parseResource(resource, ownNode),
      endpointUri: endpoint.text,
      endpoint: endpoint.url,
      dataVersion: readDataVersion(body[spelt(body, 'dataVersion')]),
      secret: readSecret(body),
      caller,
    },
    isV2Names,
  };
}

function readSecret(body: Record<string, unknown>): string | undefined {
  const secret = readText(body, spelt(body, 'secret'), MAX_SECRET);
  if (secret !== undefined && keyOf(secret) === undefined) {
    throw new Problem(400, 'malformed request', '"secret" must be whsec_ and the base64 of 24 to 64 bytes');
  }
  return secret;
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
