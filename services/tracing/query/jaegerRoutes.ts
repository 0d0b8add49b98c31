import { Router } from '@koa/router';
import type { Context } from 'koa';
import type { Trace, TraceMemory } from '../core/memory.js';
import type { SpanKind } from '../core/span.js';
import { jaegerTrace } from './jaeger.js';
import { Problem } from './problem.js';
import { BadParameter, matches, readSearch } from './search.js';

/** Traces of one answer may take so much memory together, but for the first one. */
const MAX_ANSWER_BYTES = 4 * 1_024 * 1_024;
const MAX_TRACE_IDS = 100;

/** Jaeger's query API v1, as far as Grafana's Jaeger data source asks for it. */
export function jaegerRoutes(memory: TraceMemory): Router {
  const router = new Router({ prefix: '/api' });

  router.get('/services', (ctx) => {
    list(ctx, [...new Set(spans(memory).map(({ resource }) => resource.service))].toSorted());
  });

  router.get('/services/*service/operations', (ctx) => {
    const found = operations(memory, ctx.params['service'] ?? '', undefined);
    list(ctx, [...new Set(found.map(({ name }) => name))].toSorted());
  });

  router.get('/operations', (ctx) => {
    const query = parameters(ctx);
    const service = query.get('service');
    if (!service) throw new BadParameter("parameter 'service' is required");
    list(ctx, operations(memory, service, query.get('spanKind') || undefined));
  });

  router.get('/traces', (ctx) => {
    const query = parameters(ctx);
    const ids = query.getAll('traceID');
    if (ids.length > MAX_TRACE_IDS) throw new BadParameter(`at most ${MAX_TRACE_IDS} traces can be asked for`);
    const found = ids.length > 0 ? ids.flatMap((id) => memory.get(traceId(id)) ?? []) : search(memory, query);
    respond(ctx, withinLimit(found).map(jaegerTrace));
  });

  router.get('/traces/:id', (ctx) => {
    const trace = memory.get(traceId(ctx.params['id'] ?? ''));
    if (trace === undefined) throw new Problem(404, 'trace not found', 'trace not found');
    respond(ctx, [jaegerTrace(trace)]);
  });

  // Who calls whom is what Prometheus and the picture in the README are for.
  router.get('/dependencies', (ctx) => respond(ctx, []));
  return router;
}

function search(memory: TraceMemory, query: URLSearchParams): Trace[] {
  const wanted = readSearch(query);
  const found: Trace[] = [];
  for (const trace of memory.newestFirst()) {
    if (found.length === wanted.limit) break;
    if (matches(trace, wanted)) found.push(trace);
  }
  return found;
}

function withinLimit(traces: Trace[]): Trace[] {
  let bytes = 0;
  const end = traces.findIndex((trace, at) => (bytes += trace.bytes) > MAX_ANSWER_BYTES && at > 0);
  return end < 0 ? traces : traces.slice(0, end);
}

const parameters = (ctx: Context): URLSearchParams => new URLSearchParams(ctx.querystring);

/** Jaeger leaves out leading zeros. */
function traceId(text: string): string {
  if (/^[\da-f]{1,32}$/i.test(text)) return text.toLowerCase().padStart(32, '0');
  throw new BadParameter('a trace id has up to 32 hex digits');
}

const spans = (memory: TraceMemory) => memory.newestFirst().flatMap((trace) => [...trace.spans.values()]);

function operations(
  memory: TraceMemory,
  service: string,
  kind: string | undefined,
): { name: string; spanKind: SpanKind }[] {
  const found = new Map<string, { name: string; spanKind: SpanKind }>();
  for (const span of spans(memory)) {
    if (span.resource.service !== service || (kind !== undefined && span.kind !== kind)) continue;
    found.set(`${span.kind} ${span.name}`, { name: span.name, spanKind: span.kind });
  }
  return [...found.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

const list = (ctx: Context, data: unknown[]): void => respond(ctx, data, data.length);

/** Every answer of Jaeger's has this form. */
function respond(ctx: Context, data: unknown[], total = 0): void {
  ctx.body = { data, total, limit: 0, offset: 0, errors: null };
}
