import type { Context, Middleware } from 'koa';
import type { CneMetrics } from '../cneMetrics.js';
import { API_BASE } from './location.js';

/** Notes for the counting below which resource a request turned out to be about. */
export const isAbout = (ctx: Context, address: string): void => void (ctx.state['address'] = address);

type Count = (metrics: CneMetrics, result: 'success' | 'failed', address: string | undefined) => void;

const onFailure =
  (status: 'failed to create' | 'failed to delete'): Count =>
  (metrics, result) => {
    if (result === 'failed') metrics.subscriptionFailed(status);
  };

const onPublisherFailure =
  (status: 'failed to create' | 'failed to delete'): Count =>
  (metrics, result) => {
    if (result === 'failed') metrics.publisherFailed(status);
  };

const COUNTED: Record<string, Count> = {
  [`POST ${API_BASE}/subscriptions`]: onFailure('failed to create'),
  [`DELETE ${API_BASE}/subscriptions`]: onFailure('failed to delete'),
  [`DELETE ${API_BASE}/subscriptions/:id`]: onFailure('failed to delete'),
  [`PUT ${API_BASE}/subscriptions/status/:id`]: (metrics, result) => metrics.statusPing(result),
  [`POST ${API_BASE}/publishers`]: onPublisherFailure('failed to create'),
  [`DELETE ${API_BASE}/publishers`]: onPublisherFailure('failed to delete'),
  [`DELETE ${API_BASE}/publishers/:id`]: onPublisherFailure('failed to delete'),
  [`POST ${API_BASE}/create/event`]: (metrics, result, address) => metrics.published(address, result),
  [`GET ${API_BASE}/*resource/CurrentState`]: (metrics, result, address) => metrics.statusChecked(address, result),
};

/** Counts what became of the requests that `cne_*` names speak about. */
export function counted(metrics: CneMetrics): Middleware {
  return async (ctx, next) => {
    await next();
    const { _matchedRoute: route } = ctx as unknown as { _matchedRoute?: unknown };
    const count = COUNTED[`${ctx.method} ${String(route)}`];
    count?.(metrics, ctx.status < 400 ? 'success' : 'failed', ctx.state['address'] as string | undefined);
  };
}
