import type { Context, Next } from 'koa';
import { Doublings } from '../../shared/doublings.js';
import type { Logger } from '../../shared/log.js';
import { sendPage, wantsPage } from '../../shared/page.js';
import { problemPart } from './page.js';
import { BadParameter } from './search.js';

/** An error with the status it answers with. */
export class Problem extends Error {
  override name = 'Problem';
  readonly status: number;
  readonly title: string;
  readonly headers: Record<string, string>;

  constructor(status: number, title: string, detail: string, headers: Record<string, string> = {}) {
    super(detail);
    this.status = status;
    this.title = title;
    this.headers = headers;
  }
}

function toProblem(err: unknown): Problem {
  if (err instanceof Problem) return err;
  if (err instanceof BadParameter) return new Problem(400, 'bad parameter', err.message);
  // Koa's own, such as an impossible percent-encoding in the path.
  const { status, expose } = err as { status?: number; expose?: boolean };
  if (expose && status !== undefined) return new Problem(status, 'bad request', (err as Error).message);
  return new Problem(500, 'internal error', 'the tracing service failed to answer; its log says why');
}

/** No route took the request. For a path that it knows, the router has set Allow. */
function unanswered({ status, method, path, response }: Context): Problem {
  const allow = response.get('allow');
  if (status === 404 || allow === '') return new Problem(404, 'no such route', `${path} is not here`);
  return new Problem(405, 'method not allowed', `${method} is not possible here, but ${allow}`);
}

/** Renders every error: in Jaeger's form where its API is asked, as a page for a browser, else as problem+json (RFC 9457). */
export function problems(log: Logger) {
  const failures = new Doublings();
  return async (ctx: Context, next: Next): Promise<void> => {
    try {
      await next();
      if (ctx.body === undefined && ctx.status >= 400) throw unanswered(ctx);
    } catch (err) {
      const { status, title, message, headers } = toProblem(err);
      if (status === 500) {
        const { method, path } = ctx;
        failures.tell((times) => log.error({ err, method, path, times }, 'request failed'));
      }
      ctx.status = status;
      ctx.set(headers);
      if (ctx.path.startsWith('/api/')) {
        ctx.body = { data: null, total: 0, limit: 0, offset: 0, errors: [{ code: status, msg: message }] };
        return;
      }
      if (wantsPage(ctx)) return sendPage(ctx, title, problemPart(title, message));
      ctx.type = 'application/problem+json';
      ctx.body = JSON.stringify({ type: 'about:blank', title, status, detail: message, error: message });
    }
  };
}
