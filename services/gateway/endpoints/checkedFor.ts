import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from '../../shared/log.js';
import type { Caller } from '../access/caller.js';
import { CHECK_MS, EndpointCheckFailed } from './check.js';
import { EndpointRefused } from './policy.js';

/**
 * Runs the check of an endpoint for a caller. Who has shown who it is learns why it failed. Anybody else could find out
 * which hosts and ports of the cluster answer, from the reasons or from how soon they come: it is told the same, after the
 * same time, whatever happened; the log has the reason.
 */
export async function checkedFor(caller: Caller, url: URL, check: () => Promise<void>, log: Logger): Promise<void> {
  const startedMs = performance.now();
  try {
    await check();
  } catch (err) {
    const isForbidden = err instanceof EndpointRefused;
    if (!isForbidden && !(err instanceof EndpointCheckFailed)) throw err;
    const reason = isForbidden ? err.message : err.reason;
    log.info({ caller: caller.owner, endpoint: url.origin, reason }, 'endpoint not taken');
    if (caller.isAuthenticated) throw err;
    await wait(Math.max(0, CHECK_MS - (performance.now() - startedMs)));
    if (isForbidden) throw EndpointRefused.ofName(url);
    throw EndpointCheckFailed.withoutReason(url);
  }
}
