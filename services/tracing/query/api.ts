import type { RequestListener } from 'node:http';
import Koa from 'koa';
import type { Registry } from 'prom-client';
import type { Clock } from '../../shared/clock.js';
import { operations } from '../../shared/http.js';
import type { Logger } from '../../shared/log.js';
import { SECURITY_HEADERS } from '../../shared/page.js';
import type { TraceMemory } from '../core/memory.js';
import { eventRoutes } from './events.js';
import { gate } from './gate.js';
import { jaegerRoutes } from './jaegerRoutes.js';
import { problems } from './problem.js';

export interface QueryDeps {
  log: Logger;
  clock: Clock;
  registry: Registry;
  memory: TraceMemory;
  isReady: () => boolean;
}

/** What is asked of the tracing service: events, Jaeger's query API, health, metrics. */
export function createQueryApi({ log, clock, registry, memory, isReady }: QueryDeps): RequestListener {
  const app = new Koa();
  // Of every answer: also Koa's own, such as the body of a redirect, is a page for a browser.
  app.use(async (ctx, next) => {
    ctx.set(SECURITY_HEADERS);
    await next();
  });
  app.use(problems(log));
  const health = operations(registry, isReady);
  app.use(health.routes());
  app.use(gate(clock));
  const routers = [eventRoutes(memory), jaegerRoutes(memory)];
  for (const router of routers) app.use(router.routes());
  for (const router of [health, ...routers]) app.use(router.allowedMethods());
  app.on('error', (err: unknown) => log.debug({ err }, 'client went away'));
  const handle = app.callback();
  return (req, res) => void handle(req, res);
}
