import { Router } from '@koa/router';
import type { Context } from 'koa';
import type { Publisher as PublisherBody, PublisherV2Names } from '../../shared/contract/rest-v1.js';
import { resourceAddress } from '../../shared/subjects.js';
import { checkOwner, type Caller } from '../access/caller.js';
import type { EndpointPolicy } from '../endpoints/policy.js';
import type { Publishers } from '../publishers/publishers.js';
import type { Publisher } from '../publishers/record.js';
import { parseExactResource } from '../subscriptions/resource.js';
import { callerOf, needs, wantsAll } from './access.js';
import { readJsonObject } from './body.js';
import { isAbout } from './counted.js';
import { missing, readEndpoint, readResource, readText, usesV2Names } from './fields.js';
import { locationOf } from './location.js';

const MAX_ID = 64;

export interface PublisherRoutesDeps {
  /** Throws Unavailable until the broker was reached. */
  publishers: () => Publishers;
  /** Whether publishers can be made, and events be sent, over REST. */
  publisherApi: boolean;
  /** Throws EndpointCheckFailed, EndpointRefused, TooMany. */
  checkEndpoint: (endpoint: URL, caller: Caller) => Promise<void>;
  policy: EndpointPolicy;
  ownNode: string | undefined;
  publicUrl: string | undefined;
}

/** `/publishers`, `/publishers/{id}` and `/create/event` of proto/openapi-v1.yaml. */
export function publisherRoutes(deps: PublisherRoutesDeps): Router {
  const router = new Router();
  const location = (ctx: Context, { id }: Publisher): string => locationOf(ctx, deps.publicUrl, `publishers/${id}`);

  router.get('/publishers', needs('reader'), async (ctx) => {
    const all = await deps.publishers().list();
    ctx.body = all.map((publisher) => v1Names(publisher, location(ctx, publisher)));
  });

  router.get('/publishers/:id', needs('reader'), async (ctx) => {
    const publisher = await deps.publishers().get(ctx.params['id'] ?? '');
    ctx.body = v1Names(publisher, location(ctx, publisher));
  });

  if (!deps.publisherApi) return router;

  router.post('/publishers', needs('publisher'), async (ctx) => {
    const body = await readJsonObject(ctx);
    const resource = readResource(body);
    const filter = parseExactResource(resource, deps.ownNode);
    const endpoint = readEndpoint(body, deps.policy);
    const publishers = deps.publishers();
    if (endpoint !== undefined) await deps.checkEndpoint(endpoint.url, callerOf(ctx));
    const request = { resource, filter, endpointUri: endpoint?.text ?? null, owner: callerOf(ctx).owner };
    const publisher = await publishers.create(request);
    ctx.status = 201;
    ctx.body = (usesV2Names(body) ? v2Names : v1Names)(publisher, location(ctx, publisher));
  });

  router.delete('/publishers', needs('publisher'), async (ctx) => {
    const publishers = deps.publishers();
    const isForAll = wantsAll(ctx);
    const own = (await publishers.made()).filter(({ owner }) => isForAll || owner === callerOf(ctx).owner);
    await Promise.all(own.map((publisher) => publishers.delete(publisher)));
    ctx.body = { status: 'deleted all publishers' };
  });

  router.delete('/publishers/:id', needs('publisher'), async (ctx) => {
    const publishers = deps.publishers();
    const publisher = await publishers.madeOne(ctx.params['id'] ?? '');
    checkOwner(callerOf(ctx), publisher);
    await publishers.delete(publisher);
    ctx.body = { status: 'OK' };
  });

  router.post('/create/event', needs('publisher'), async (ctx) => {
    const body = await readJsonObject(ctx);
    const id = readText(body, 'id', MAX_ID);
    if (id === undefined) throw missing('id');
    const publishers = deps.publishers();
    const publisher = await publishers.madeOne(id);
    isAbout(ctx, resourceAddress(publisher.node, publisher.path));
    checkOwner(callerOf(ctx), publisher);
    await publishers.publish(publisher, body);
    ctx.status = 202;
    ctx.body = { status: 'Event sent' };
  });

  return router;
}

const v1Names = ({ id, endpointUri, resource }: Publisher, location: string): PublisherBody => ({
  id,
  endpointUri,
  uriLocation: location,
  resource,
});

const v2Names = ({ id, endpointUri, resource }: Publisher, UriLocation: string): PublisherV2Names => ({
  ResourceAddress: resource,
  EndpointUri: endpointUri,
  SubscriptionId: id,
  UriLocation,
});
