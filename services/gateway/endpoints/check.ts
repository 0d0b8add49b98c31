import type { Clock } from '../../shared/clock.js';
import { excerpt } from '../../shared/excerpt.js';
import type { Outcome } from '../delivery/outcome.js';
import { Request } from '../delivery/request.js';
import type { EndpointAgent } from './agent.js';
import { EndpointRefused } from './policy.js';

/** v1 clients wait 2 s for the answer to their subscribe. */
export const CHECK_MS = 1_500;

const NOBODY = { ended: (): void => {} };

/** An endpoint that does not answer as one must. */
export class EndpointCheckFailed extends Error {
  override name = 'EndpointCheckFailed';
  /** The message without the endpoint. */
  readonly reason: string;

  private constructor(message: string, reason: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }

  static because(url: URL, reason: string, cause: unknown): EndpointCheckFailed {
    return new EndpointCheckFailed(`${demand(url)}, but ${reason}`, reason, { cause });
  }

  /** For who need not know what is there. */
  static withoutReason(url: URL): EndpointCheckFailed {
    return new EndpointCheckFailed(
      `${demand(url)} within ${CHECK_MS} ms, and was not; the gateway's log says why`,
      'not told',
    );
  }
}

const demand = (url: URL): string =>
  `endpoint check failed: an empty POST to ${excerpt(url.href)} must be answered 2xx`;

/**
 * Asks an endpoint whether it is one: an empty POST must be answered 2xx within 1.5 s. It is sent and judged like an
 * event. Throws EndpointCheckFailed with the reason, EndpointRefused when the policy forbids its address. What the
 * endpoint says is not passed on.
 */
export async function checkEndpoint(agent: EndpointAgent, url: URL, clock: Pick<Clock, 'now'> = Date): Promise<void> {
  const { outcome, cause } = await new Promise<{ outcome: Outcome; cause: unknown }>((resolve) => {
    const request = new Request(clock, NOBODY, (ended, why) => {
      clearTimeout(timer);
      resolve({ outcome: ended, cause: why });
    });
    const timer = setTimeout(() => request.timeOut(CHECK_MS), CHECK_MS);
    request.send(agent, {
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    });
  });
  if (outcome.kind === 'settled') return;
  if (cause instanceof EndpointRefused) throw cause;
  const reason = 'reason' in outcome ? outcome.reason : 'answered 410';
  throw EndpointCheckFailed.because(url, reason.startsWith('answered') ? `it ${reason}` : reason, cause);
}
