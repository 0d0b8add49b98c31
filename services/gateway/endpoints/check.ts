import type { Dispatcher } from 'undici';
import { excerpt } from '../../shared/excerpt.js';
import { errorReason } from './agent.js';
import { EndpointRefused } from './policy.js';

/** v1 clients wait 2 s for the answer to their subscribe. */
const CHECK_MS = 1_500;

/** An endpoint that does not answer as one must. */
export class EndpointCheckFailed extends Error {
  override name = 'EndpointCheckFailed';
}

/**
 * Asks an endpoint whether it is one: an empty POST must be answered 2xx within 1.5 s. Throws EndpointCheckFailed
 * with the reason, EndpointRefused when the policy forbids its address. What the endpoint says is not passed on.
 */
export async function checkEndpoint(agent: Dispatcher, url: URL): Promise<void> {
  // Not AbortSignal.timeout: its timer and what hangs on it would stay until the time is over, thousands of them.
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), CHECK_MS);
  let statusCode: number;
  try {
    const answer = await agent.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      signal: limit.signal,
    });
    await answer.body.dump({ limit: 4_096, signal: limit.signal });
    statusCode = answer.statusCode;
  } catch (err) {
    if (err instanceof EndpointRefused) throw err;
    const reason = limit.signal.aborted ? `no answer within ${CHECK_MS} ms` : errorReason(err);
    throw failed(url, reason, err);
  } finally {
    clearTimeout(timer);
  }
  if (statusCode < 200 || statusCode >= 300) throw failed(url, `it answered ${statusCode}`);
}

const failed = (url: URL, reason: string, cause?: unknown): EndpointCheckFailed =>
  new EndpointCheckFailed(
    `endpoint check failed: an empty POST to ${excerpt(url.href)} must be answered 2xx, but ${reason}`,
    {
      cause,
    },
  );
