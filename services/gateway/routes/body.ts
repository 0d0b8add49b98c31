import type { Context } from 'koa';
import rawBody from 'raw-body';
import { excerpt } from '../../shared/excerpt.js';
import { Problem } from './problems.js';

/** A subscription request has less than 3 kB even with the longest names. */
export const MAX_BODY_BYTES = 16_384;

/** Reads a JSON object. Throws Problem 415, 413 or 400. */
export async function readJsonObject(ctx: Context): Promise<Record<string, unknown>> {
  if (!ctx.is('json')) {
    throw new Problem(
      415,
      'unsupported media type',
      `content-type must be application/json, got ${excerpt(ctx.get('content-type')) || 'none'}`,
    );
  }
  let text: string;
  try {
    text = await rawBody(ctx.req, { limit: MAX_BODY_BYTES, length: ctx.request.length ?? null, encoding: 'utf8' });
  } catch (err) {
    // The rest of the body is not read: the connection cannot be used again.
    ctx.set('connection', 'close');
    if ((err as { type?: string }).type === 'entity.too.large') {
      throw new Problem(413, 'body too large', `a body may have ${MAX_BODY_BYTES} bytes`);
    }
    throw new Problem(400, 'body not readable', 'the body ended early or does not have the announced length');
  }
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (err) {
    throw new Problem(400, 'malformed JSON', `the body is not JSON: ${excerpt((err as Error).message)}`);
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new Problem(
      400,
      'malformed request',
      'the body must be a JSON object, for example {"resource":"…","endpointUri":"…"}',
    );
  }
  return body as Record<string, unknown>;
}
