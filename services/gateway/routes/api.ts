import type { RequestListener } from 'node:http';
import { Router } from '@koa/router';
import Koa from 'koa';
import type { Registry } from 'prom-client';
import { openapi } from '../../shared/contract/openapi-v1.js';
import { operations } from '../../shared/http.js';
import type { Logger } from '../../shared/log.js';
import type { Access } from '../access/caller.js';
import type { RequestRate } from '../access/limits.js';
import { identified, needs } from './access.js';
import type { CneMetrics } from '../cneMetrics.js';
import { counted } from './counted.js';
import { currentStateRoutes, type CurrentStateDeps } from './currentState.js';
import { API_BASE } from './location.js';
import { problems } from './problems.js';
import { publisherRoutes, type PublisherRoutesDeps } from './publishers.js';
import { subscriptionRoutes, type SubscriptionRoutesDeps } from './subscriptions.js';

export interface ApiDeps extends SubscriptionRoutesDeps, PublisherRoutesDeps, CurrentStateDeps {
  log: Logger;
  registry: Registry;
  cne: CneMetrics;
  isReady: () => boolean;
  /** Why the gateway cannot do all of its work now, although it serves. */
  complaints: () => readonly string[];
  access: Access;
  rate: RequestRate;
}

/** The gateway's HTTP face: REST v1, health, metrics. */
export function createApi(deps: ApiDeps): RequestListener {
  const v1 = new Router({ prefix: API_BASE });
  v1.get('/health', (ctx) => {
    ctx.body = 'OK';
  });
  // Who asks whether we live need not show who it is.
  const known = identified(deps.access, deps.rate);
  v1.use(known);
  v1.use(subscriptionRoutes(deps).routes());
  v1.use(publisherRoutes(deps).routes());
  v1.use(currentStateRoutes(deps).routes());

  const root = operations(deps.registry, deps.isReady, {
    guards: [known, needs('reader')],
    complaints: deps.complaints,
  });
  root.get('/health', (ctx) => {
    ctx.body = 'OK';
  });
  root.get('/openapi.json', (ctx) => {
    ctx.body = openapi;
  });

  const app = new Koa();
  app.use(counted(deps.cne));
  app.use(problems(deps.log));
  for (const router of [root, v1]) app.use(router.routes());
  for (const router of [root, v1]) app.use(router.allowedMethods());
  app.on('error', (err: unknown) => deps.log.debug({ err }, 'client went away'));
  const handle = app.callback();
  return (req, res) => void handle(req, res);
}
