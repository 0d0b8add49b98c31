import type { RequestListener } from 'node:http';
import { Router } from '@koa/router';
import Koa from 'koa';
import type { Registry } from 'prom-client';
import { openapi } from '../../shared/contract/openapi-v1.js';
import { exposition, probes } from '../../shared/http.js';
import { landingPage, OPERATIONS_LINKS } from '../../shared/landing.js';
import type { Logger } from '../../shared/log.js';
import type { Access } from '../access/caller.js';
import type { RequestRate } from '../access/limits.js';
import { countedByAddress, identified, needs } from './access.js';
import type { CneMetrics } from '../cneMetrics.js';
import { counted } from './counted.js';
import { currentStateRoutes, type CurrentStateDeps } from './currentState.js';
import { API_BASE } from './location.js';
import { problems } from './problems.js';
import { publisherRoutes, type PublisherRoutesDeps } from './publishers.js';
import { subscriptionStatusRoutes, type SubscriptionStatusDeps } from './subscriptionStatus.js';
import { subscriptionRoutes, type SubscriptionRoutesDeps } from './subscriptions.js';

export interface ApiDeps extends SubscriptionRoutesDeps, SubscriptionStatusDeps, PublisherRoutesDeps, CurrentStateDeps {
  log: Logger;
  registry: Registry;
  cne: CneMetrics;
  isReady: () => boolean;
  /** Why the gateway cannot do all of its work now, although it serves. */
  complaints: () => readonly string[];
  access: Access;
  rate: RequestRate;
}

/**
 * The gateway's HTTP face: REST v1, health, metrics. Who asks is found out before any route is looked for: whatever spelling
 * of a path a router takes, nobody comes to what is behind it without having been identified and counted.
 */
export function createApi(deps: ApiDeps): RequestListener {
  const open = openRoutes(deps);
  const v1 = new Router({ prefix: API_BASE });
  for (const routes of [
    subscriptionStatusRoutes(deps),
    subscriptionRoutes(deps),
    publisherRoutes(deps),
    currentStateRoutes(deps),
  ]) {
    v1.use(routes.routes());
  }
  const root = new Router();
  root.get('/metrics', needs('reader'), exposition(deps.registry));

  const landing = landingPage({
    service: 'ptp-gateway',
    about: `The O-Cloud notification REST API v1, below ${API_BASE}.`,
    links: [
      { path: '/openapi.json', title: 'the API: requests, answers, roles' },
      { path: `${API_BASE}/subscriptions`, title: 'your subscriptions' },
      { path: `${API_BASE}/publishers`, title: 'the publishers' },
      { path: `${API_BASE}/health`, title: 'whether it lives, as v1 asks' },
      ...OPERATIONS_LINKS,
    ],
  });

  const app = new Koa();
  app.use(counted(deps.cne));
  app.use(problems(deps.log));
  app.use(landing);
  for (const router of open) app.use(router.routes());
  app.use(identified(deps.access, deps.rate));
  for (const router of [root, v1]) app.use(router.routes());
  for (const router of [...open, root, v1]) app.use(router.allowedMethods());
  app.on('error', (err: unknown) => deps.log.debug({ err }, 'client went away'));
  const handle = app.callback();
  return (req, res) => void handle(req, res);
}

/** All that is answered to whoever asks: whether we live, and the contract. */
function openRoutes({ isReady, complaints, rate }: ApiDeps): Router[] {
  const root = probes(isReady, complaints);
  const v1 = new Router({ prefix: API_BASE });
  for (const router of [root, v1]) {
    router.get('/health', (ctx) => {
      ctx.body = 'OK';
    });
  }
  root.get('/openapi.json', countedByAddress(rate), (ctx) => {
    ctx.body = openapi;
  });
  return [root, v1];
}
