import type { Context } from 'koa';

export const API_BASE = '/api/ocloudNotifications/v1';

/** Where an object of the API is found: below PUBLIC_URL, or as the client reached us. */
export const locationOf = (ctx: Context, publicUrl: string | undefined, path: string): string =>
  `${publicUrl ?? `${ctx.protocol}://${ctx.host}`}${API_BASE}/${path}`;
