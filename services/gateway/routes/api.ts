import type { RequestListener } from 'node:http';
import { Router } from '@koa/router';
import Koa from 'koa';
import type { Registry } from 'prom-client';
import { operations } from '../../shared/http.js';
import type { Logger } from '../../shared/log.js';
import { currentStateRoutes, type CurrentStateDeps } from './currentState.js';
import { problems } from './problems.js';
import { subscriptionRoutes, type SubscriptionRoutesDeps } from './subscriptions.js';

export const API_BASE = '/api/ocloudNotifications/v1';

export interface ApiDeps extends SubscriptionRoutesDeps, CurrentStateDeps {
  log: Logger;
  registry: Registry;
  isReady: () => boolean;
}

/** The gateway's HTTP face: REST v1, health, metrics. */
export function createApi(deps: ApiDeps): RequestListener {
  const v1 = new Router({ prefix: API_BASE });
  v1.get('/health', (ctx) => {
    ctx.body = 'OK';
  });
  v1.use(subscriptionRoutes(deps).routes());
  v1.use(currentStateRoutes(deps).routes());

  const root = operations(deps.registry, deps.isReady);
  root.get('/health', (ctx) => {
    ctx.body = 'OK';
  });

  const app = new Koa();
  app.use(problems(deps.log));
  for (const router of [root, v1]) app.use(router.routes());
  for (const router of [root, v1]) app.use(router.allowedMethods());
  app.on('error', (err: unknown) => deps.log.debug({ err }, 'client went away'));
  const handle = app.callback();
  return (req, res) => void handle(req, res);
}
