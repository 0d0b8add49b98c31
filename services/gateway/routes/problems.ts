import type { Context, Next } from 'koa';
import type { Problem as ProblemBody } from '../../shared/contract/rest-v1.js';
import { Doublings } from '../../shared/doublings.js';
import { excerpt } from '../../shared/excerpt.js';
import type { Logger } from '../../shared/log.js';
import { Forbidden, Unauthenticated } from '../access/caller.js';
import { TooMany } from '../access/limits.js';
import { EndpointCheckFailed } from '../endpoints/check.js';
import { EndpointRefused } from '../endpoints/policy.js';
import { NotAnEvent } from '../publishers/nativeEvent.js';
import { Contended, HasCollector, UnknownPublisher } from '../publishers/publishers.js';
import { NoSecretKey, SecretNotReadable } from '../subscriptions/secretKeys.js';
import { NotAResource } from '../subscriptions/resource.js';
import { Unavailable, UnknownSubscription } from '../subscriptions/subscriptions.js';

/** Seconds after which a client may try again when the broker is away. */
const RETRY_AFTER_S = 2;

const CHALLENGE = 'Bearer realm="ptp-event-bus"';

type Extra = Pick<ProblemBody, 'lastKnown'>;

/** An error with the status it answers with (RFC 9457). */
export class Problem extends Error {
  override name = 'Problem';
  readonly status: number;
  readonly title: string;
  readonly extra: Extra;
  readonly headers: Record<string, string>;

  constructor(status: number, title: string, detail: string, extra: Extra = {}, headers: Record<string, string> = {}) {
    super(detail);
    this.status = status;
    this.title = title;
    this.extra = extra;
    this.headers = headers;
  }
}

/** Which error answers with which status: the one place that knows. */
export function toProblem(err: unknown): Problem {
  if (err instanceof Problem) return err;
  if (err instanceof Unauthenticated) {
    return new Problem(401, 'not authenticated', err.message, {}, { 'www-authenticate': CHALLENGE });
  }
  if (err instanceof Forbidden) return new Problem(403, 'forbidden', err.message);
  if (err instanceof TooMany) {
    return new Problem(429, 'too many', err.message, {}, { 'retry-after': String(err.retryAfterS) });
  }
  if (err instanceof NotAResource) return new Problem(400, 'not a resource', err.message);
  if (err instanceof EndpointCheckFailed) return new Problem(400, 'endpoint check failed', err.message);
  if (err instanceof EndpointRefused) return new Problem(403, 'endpoint refused', err.message);
  if (err instanceof UnknownSubscription) return new Problem(404, 'subscription not found', err.message);
  if (err instanceof UnknownPublisher) return new Problem(404, 'publisher not found', err.message);
  if (err instanceof NoSecretKey) return new Problem(400, 'no key for secrets', err.message);
  if (err instanceof SecretNotReadable) return new Problem(409, 'secret not readable', err.message);
  if (err instanceof NotAnEvent) return new Problem(400, 'not an event', err.message);
  if (err instanceof HasCollector) return new Problem(409, 'published by a collector', err.message);
  if (err instanceof Contended) return new Problem(503, 'not possible now', err.message);
  if (err instanceof Unavailable) return new Problem(503, 'not possible now', err.message);
  // Koa's own, such as an impossible percent-encoding in the path.
  const { status, expose } = err as { status?: number; expose?: boolean };
  if (expose && status !== undefined) return new Problem(status, 'bad request', excerpt((err as Error).message));
  return new Problem(500, 'internal error', 'the gateway failed to answer; its log says why');
}

/** No route took the request. For a path that it knows, the router has set Allow. */
function unanswered({ status, method, path, response }: Context): Problem {
  const allow = response.get('allow');
  if (status === 404 || allow === '')
    return new Problem(404, 'no such route', `${excerpt(path)} is not part of this API`);
  return new Problem(405, 'method not allowed', `${excerpt(method)} is not possible here, but ${allow}`);
}

/** Renders every error as problem+json that also carries `error`, which v1 clients read. */
export function problems(log: Logger) {
  const failures = new Doublings();
  return async (ctx: Context, next: Next): Promise<void> => {
    try {
      await next();
      if (ctx.body === undefined && ctx.status >= 400) throw unanswered(ctx);
    } catch (err) {
      const problem = toProblem(err);
      if (problem.status >= 500) {
        const { method, path } = ctx;
        failures.tell((times) => log.error({ err, method, path, times }, 'request failed'), problem.title);
      }
      ctx.status = problem.status;
      ctx.set(problem.headers);
      if (problem.status === 503) ctx.set('retry-after', String(RETRY_AFTER_S));
      const body: ProblemBody = {
        type: 'about:blank',
        title: problem.title,
        status: problem.status,
        detail: problem.message,
        error: problem.message,
        ...problem.extra,
      };
      ctx.type = 'application/problem+json';
      ctx.body = JSON.stringify(body);
    }
  };
}
