import type { RequestListener } from 'node:http';
import { Router } from '@koa/router';
import Koa, { type Context, type Next } from 'koa';
import type { Clock } from '../../shared/clock.js';
import { Doublings } from '../../shared/doublings.js';
import { landingPage } from '../../shared/landing.js';
import type { Logger } from '../../shared/log.js';
import { Malformed } from '../core/decode.js';
import type { Span } from '../core/span.js';
import { Bodies, drain } from './body.js';
import { encodingOf, jsonEncoding, type Encoding, type Export, type PartialSuccess } from './encoding.js';
import { Refused, RPC_CODES } from './refused.js';

export interface ReceiverDeps {
  log: Logger;
  /** Where the traces are looked at. */
  queryPort: number;
  clock: Clock;
  /** Takes what a request has brought. */
  take: (spans: readonly Span[]) => void;
  /** Hands the request on, without its rejected spans. Throws Malformed. */
  forward: ((encoding: Encoding, request: Export) => void) | undefined;
  count: {
    /** A request, by the status of its answer. */
    request: (status: number) => void;
    rejected: (spans: number) => void;
  };
}

/**
 * The OTLP/HTTP receiver (https://opentelemetry.io/docs/specs/otlp/#otlphttp): POST /v1/traces in JSON or protobuf,
 * gzip or not. Answers in the request's encoding, errors as google.rpc.Status.
 */
export function createReceiver({ log, queryPort, clock, take, forward, count }: ReceiverDeps): RequestListener {
  const bodies = new Bodies(clock);
  const router = new Router();
  router.post('/v1/traces', async (ctx) => {
    const encoding = encodingOf(ctx.get('content-type'));
    if (encoding === undefined) {
      const types = 'application/json or application/x-protobuf';
      throw new Refused(415, `content-type must be ${types}, got ${ctx.get('content-type') || 'none'}`);
    }
    const request = encoding.decode(await bodies.read(ctx.req));
    if (request.spans.length > 0) forward?.(encoding, request);
    take(request.spans);
    const partial = partialSuccess(request.rejected);
    if (partial) count.rejected(partial.rejectedSpans);
    answer(ctx, encoding.contentType, encoding.response(partial));
  });

  const landing = landingPage({
    service: 'ptp-tracing',
    about: 'This port takes spans: OTLP over HTTP, POST /v1/traces.',
    links: [{ path: '/', title: 'the traces', port: queryPort }],
  });

  const app = new Koa();
  // No request of a sender: not counted.
  app.use(landing);
  app.use(async (ctx, next) => {
    await next();
    count.request(ctx.status);
    drain(ctx.req);
  });
  app.use(errors(log));
  app.use(router.routes());
  app.use(router.allowedMethods());
  app.on('error', (err: unknown) => log.debug({ err }, 'client went away'));
  const handle = app.callback();
  return (req, res) => void handle(req, res);
}

function answer(ctx: Context, contentType: string, body: Buffer): void {
  ctx.body = body;
  // Koa would add a charset, which the specification does not know.
  ctx.set('content-type', contentType);
}

/** Answers every error with a Status, in the request's encoding where it has one. */
function errors(log: Logger) {
  const failures = new Doublings();
  return async (ctx: Context, next: Next): Promise<void> => {
    try {
      await next();
      if (ctx.body === undefined && ctx.status >= 400) throw unanswered(ctx);
    } catch (err) {
      const refused = toRefused(err);
      if (refused.status === 500) {
        const { method, path } = ctx;
        failures.tell((times) => log.error({ err, method, path, times }, 'request failed'));
      }
      const encoding = encodingOf(ctx.get('content-type')) ?? jsonEncoding;
      ctx.status = refused.status;
      ctx.set(refused.headers);
      answer(
        ctx,
        encoding.contentType,
        encoding.status({ code: RPC_CODES[refused.status] ?? 2, message: refused.message }),
      );
    }
  };
}

function toRefused(err: unknown): Refused {
  if (err instanceof Refused) return err;
  if (err instanceof Malformed) return new Refused(400, err.message);
  // Koa's own, such as an impossible percent-encoding in the path.
  const { status, expose } = err as { status?: number; expose?: boolean };
  if (expose && status !== undefined) return new Refused(status, (err as Error).message);
  return new Refused(500, 'the receiver failed to answer; its log says why');
}

/** No route took the request. For a path that it knows, the router has set Allow. */
function unanswered({ status, method, path, response }: Context): Refused {
  const allow = response.get('allow');
  if (status === 404 || allow === '') return new Refused(404, `${path} is not here; traces go to /v1/traces`);
  return new Refused(405, `${method} is not possible here, but ${allow}`);
}

/** What became of the spans that were not taken; the sender must not send them again. */
function partialSuccess(rejected: ReadonlyMap<string, number>): PartialSuccess | undefined {
  if (rejected.size === 0) return undefined;
  return {
    rejectedSpans: [...rejected.values()].reduce((sum, count) => sum + count, 0),
    errorMessage: Array.from(rejected, ([reason, count]) => `${count}: ${reason}`).join('; '),
  };
}
