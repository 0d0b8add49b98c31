import { Router } from '@koa/router';
import { landingView, OPERATIONS_LINKS, type Landing } from '../../shared/landing.js';
import { sendPage, wantsPage } from '../../shared/page.js';
import { deliveriesOf, type Delivery } from '../core/journey.js';
import type { Interest } from '../core/keep.js';
import type { Trace, TraceMemory } from '../core/memory.js';
import { durationMs, eventIdOf, type Span } from '../core/span.js';
import { eventPart, homePart, type HomeView } from './page.js';
import { Problem } from './problem.js';

/** One event, as `/v1/events/{id}` tells of it. */
export interface EventView extends Summary {
  deliveries: Delivery[];
  spans: SpanView[];
  /** Spans that had no room. */
  lostSpans: number;
}

/** One line about an event. */
export interface Summary {
  /** CloudEvents id; null for a trace that is about none. */
  event: string | null;
  traceId: string;
  node: string | null;
  resource: string | null;
  state: string | null;
  /** When its first span began: RFC 3339, by the clock of its service. */
  time: string;
  /** Its slowest delivery, or its longest span. */
  totalMs: number;
  /** What is remarkable about it. */
  interests: Interest[];
  /** Why it was kept; null while it still gathers spans. */
  keptFor: string | null;
  subscriptions: number;
}

export interface SpanView {
  spanId: string;
  parentSpanId: string | null;
  name: string;
  kind: string;
  service: string;
  /** RFC 3339. */
  start: string;
  durationMs: number;
  status: string;
  statusMessage: string;
  attributes: Record<string, string | number | boolean>;
}

const LISTED = 50;

const LANDING: Landing = {
  service: 'ptp-tracing',
  about: 'Where the time of an event went: /v1/events/ and its id, and what was slow or remarkable lately.',
  links: [{ path: '/api/services', title: 'Jaeger’s query API, for Grafana' }, ...OPERATIONS_LINKS],
};

/** Looking up an event by its id, as JSON or as a page, and the page that lists the last ones. */
export function eventRoutes(memory: TraceMemory): Router {
  const router = new Router();

  router.get('/v1/events/*id', (ctx) => {
    const id = ctx.params['id'] ?? '';
    const trace = memory.ofEvent(id);
    if (trace === undefined) {
      throw new Problem(404, 'event not found', 'no span of this event is in memory: not traced, not kept, or too old');
    }
    const view = eventView(memory, trace, id);
    if (wantsPage(ctx)) sendPage(ctx, `Event ${id}`, eventPart(view));
    else ctx.body = view;
  });

  router.get('/', (ctx) => {
    const event = ctx.query['event'];
    if (typeof event === 'string' && event.trim() !== '') {
      ctx.redirect(`/v1/events/${encodeURIComponent(event.trim())}`);
      return;
    }
    const kept = memory.newestFirst().filter(({ keptFor }) => keptFor !== undefined);
    const slow = kept.filter((trace) => memory.verdictOn(trace).interests.includes('slow'));
    const lines = (traces: Trace[]): Summary[] => traces.slice(0, LISTED).map((trace) => summary(memory, trace));
    const view: HomeView = { ...landingView(LANDING, ctx), slow: lines(slow), kept: lines(kept) };
    if (wantsPage(ctx)) sendPage(ctx, view.service, homePart(view));
    else ctx.body = view;
  });
  return router;
}

function eventView(memory: TraceMemory, trace: Trace, event: string): EventView {
  const spans = [...trace.spans.values()].toSorted((a, b) => a.startMs - b.startMs);
  return {
    ...summary(memory, trace, event),
    deliveries: deliveriesOf(spans),
    spans: spans.map(spanView),
    lostSpans: trace.lost,
  };
}

function summary(memory: TraceMemory, trace: Trace, event = [...trace.events][0]): Summary {
  const spans = [...trace.spans.values()];
  const about = event === undefined ? spans : spans.filter((span) => eventIdOf(span) === event);
  const first = (key: string): string | null => {
    for (const { attributes } of about) if (attributes.get(key) !== undefined) return String(attributes.get(key));
    return null;
  };
  const { interests, totalMs } = memory.verdictOn(trace);
  const subscriptions = new Set(spans.flatMap(({ attributes }) => attributes.text('ptp.subscription.id') ?? []));
  return {
    event: event ?? null,
    traceId: trace.id,
    node: first('ptp.node'),
    resource: first('ptp.resource'),
    state: first('ptp.state'),
    time: isoTime(spans.reduce((min, { startMs }) => Math.min(min, startMs), Infinity)),
    totalMs,
    interests,
    keptFor: trace.keptFor ?? null,
    subscriptions: subscriptions.size,
  };
}

const spanView = (span: Span): SpanView => ({
  spanId: span.spanId,
  parentSpanId: span.parentSpanId || null,
  name: span.name,
  kind: span.kind,
  service: span.resource.service,
  start: isoTime(span.startMs),
  durationMs: durationMs(span),
  status: span.status,
  statusMessage: span.statusMessage,
  attributes: Object.fromEntries(span.attributes),
});

const isoTime = (ms: number): string => new Date(ms).toISOString();
