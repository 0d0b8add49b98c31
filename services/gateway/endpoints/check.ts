import type { Clock } from '../../shared/clock.js';
import { excerpt } from '../../shared/excerpt.js';
import { Request } from '../push/request.js';
import type { AttemptResult } from '../push/result.js';
import type { EndpointAgent } from './agent.js';
import { EndpointRefused } from './policy.js';

/** v1 clients wait 2 s for the answer to their subscribe. */
export const CHECK_MS = 1_500;

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
  const { result, cause } = await new Promise<{ result: AttemptResult; cause: unknown }>((resolve) => {
    const owner = {
      answered: (): void => {},
      finish(_: undefined, ended: AttemptResult, why: unknown) {
        clearTimeout(timer);
        resolve({ result: ended, cause: why });
      },
    };
    const request = new Request(undefined, owner, clock);
    const timer = setTimeout(() => request.timeOut(CHECK_MS), CHECK_MS);
    request.send(agent, {
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    });
  });
  if (result.kind === 'accepted') return;
  if (cause instanceof EndpointRefused) throw cause;
  const reason = 'reason' in result ? result.reason : 'answered 410';
  throw EndpointCheckFailed.because(url, reason.startsWith('answered') ? `it ${reason}` : reason, cause);
}
