import type { Context, Middleware } from 'koa';
import { Forbidden, hasRole, plainAddress, type Access, type Caller, type Role } from '../access/caller.js';
import type { RequestRate } from '../access/limits.js';

/**
 * Finds out who sends a request, for everything behind it, and counts it. Throws Unauthenticated, TooMany; who does not
 * show who it is counts by its address.
 */
export function identified(access: Access, rate: RequestRate): Middleware {
  return async (ctx, next) => {
    try {
      ctx.state['caller'] = access.callerOf({ authorization: ctx.get('authorization'), address: ctx.ip });
    } catch (err) {
      await rate.count(plainAddress(ctx.ip));
      throw err;
    }
    await rate.count(callerOf(ctx).owner);
    await next();
  };
}

/** Counts a request by the address it comes from, where nobody has to show who it is. Throws TooMany. */
export const countedByAddress =
  (rate: RequestRate): Middleware =>
  async (ctx, next) => {
    await rate.count(plainAddress(ctx.ip));
    await next();
  };

/** Who sends a request that has passed `identified`. */
export const callerOf = (ctx: Context): Caller => ctx.state['caller'] as Caller;

/** Lets only callers with a role through. Throws Forbidden. */
export function needs(role: Role): Middleware {
  return async (ctx, next) => {
    if (!hasRole(callerOf(ctx), role)) throw new Forbidden(`the role ${role} is needed`);
    await next();
  };
}

/** Whether everybody's is asked for (`?all=true`). Throws Forbidden without the role admin. */
export function wantsAll(ctx: Context): boolean {
  if (ctx.query['all'] !== 'true') return false;
  if (hasRole(callerOf(ctx), 'admin')) return true;
  throw new Forbidden('the role admin is needed for what is not your own (?all=true)');
}
