import { Router } from '@koa/router';
import type { Context } from 'koa';
import { excerpt } from '../../shared/excerpt.js';
import type { SubscriptionStatus } from '../../shared/contract/rest-v1.js';
import { checkOwner } from '../access/caller.js';
import type { Doing } from '../delivery/subscribers.js';
import { ownOf } from '../subscriptions/ownership.js';
import type { SubscriptionRecord } from '../subscriptions/record.js';
import type { Subscriptions } from '../subscriptions/subscriptions.js';
import { callerOf, needs, wantsAll } from './access.js';
import { locationOf } from './location.js';
import { Problem } from './problems.js';

export interface SubscriptionStatusDeps {
  /** Throws Unavailable until they are loaded. */
  subscriptions: () => Subscriptions;
  /** How a subscription does; undefined when it is not served. `isExact` looks at every event in memory. */
  doing: (id: string, isExact: boolean) => Doing | undefined;
  /** When the gateway began to count, ms since 1970. */
  startedAt: number;
  isSidecar: boolean;
  publicUrl: string | undefined;
}

/** `?view=status` of `/subscriptions` and `/subscriptions/{id}`: how they do, for who may see them. Not part of v1. */
export function subscriptionStatusRoutes(deps: SubscriptionStatusDeps): Router {
  const { subscriptions, doing } = deps;
  const router = new Router();

  const statusOf = (ctx: Context, record: SubscriptionRecord, isExact: boolean): SubscriptionStatus => {
    const uriLocation = locationOf(ctx, deps.publicUrl, `subscriptions/${record.id}`);
    const mayKnow = callerOf(ctx).isAuthenticated || deps.isSidecar;
    return render(record, doing(record.id, isExact), { uriLocation, startedAt: deps.startedAt, mayKnow });
  };

  router.get('/subscriptions', needs('reader'), async (ctx, next) => {
    if (!wantsStatus(ctx)) return next();
    const caller = callerOf(ctx);
    const all = subscriptions().all();
    const records = wantsAll(ctx) || (deps.isSidecar && !caller.isAuthenticated) ? all : await ownOf(all, caller);
    ctx.body = records.map((record) => statusOf(ctx, record, false));
  });

  router.get('/subscriptions/:id', needs('reader'), async (ctx, next) => {
    if (!wantsStatus(ctx)) return next();
    const record = subscriptions().get(ctx['params']['id'] ?? '');
    checkOwner(callerOf(ctx), record);
    ctx.body = statusOf(ctx, record, true);
  });

  return router;
}

/** Throws Problem 400 for a view that there is not. */
function wantsStatus({ query }: Context): boolean {
  const { view } = query;
  if (view === undefined) return false;
  if (view === 'status') return true;
  throw new Problem(400, 'malformed request', `"view" must be status, got "${excerpt(String(view))}"`);
}

/**
 * @param mayKnow whether the caller may know why an endpoint gave no answer: who does not show who it is could find out that
 *   way which ports are open where
 */
function render(
  record: SubscriptionRecord,
  how: Doing | undefined,
  { uriLocation, startedAt, mayKnow }: { uriLocation: string; startedAt: number; mayKnow: boolean },
): SubscriptionStatus {
  const { id, endpointUri, resource, owner, createdAt, disabledAt } = record;
  const { state = 'delivering', status, backlog, waitedMs } = how ?? {};
  const { lastSuccessMs, lastError } = status ?? {};
  const { events = 0, orMore = false } = backlog ?? {};
  const seconds = waitedMs === undefined ? undefined : waitedMs / 1_000;
  return {
    id,
    endpointUri,
    uriLocation,
    resource,
    owner,
    createdAt,
    state: disabledAt === undefined ? state : 'disabled',
    ...(disabledAt !== undefined && { disabledAt }),
    since: rfc3339(startedAt),
    ...(lastSuccessMs !== undefined && { lastSuccess: rfc3339(lastSuccessMs) }),
    ...(lastError && {
      lastError: {
        reason: mayKnow || lastError.reason.startsWith('answered ') ? lastError.reason : 'no answer came',
        time: rfc3339(lastError.atMs),
        since: rfc3339(lastError.sinceMs),
        times: lastError.times,
      },
    }),
    behind: { events, orMore, ...(seconds !== undefined && { seconds }) },
    deadLetters: status?.deadLetters ?? 0,
    tooOld: status?.tooOld ?? 0,
  };
}

const rfc3339 = (ms: number): string => new Date(ms).toISOString();
