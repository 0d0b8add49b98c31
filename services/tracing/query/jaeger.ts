import { durationMs, type Attributes, type AttributeValue, type Span } from '../core/span.js';
import type { Trace } from '../core/memory.js';

// The JSON of Jaeger's query API v1 (model/json/model.go of jaegertracing/jaeger), as Grafana's data source reads it: lists
// are never absent.

export interface Tag {
  key: string;
  type: 'string' | 'bool' | 'int64' | 'float64';
  value: AttributeValue;
}

export interface JaegerSpan {
  traceID: string;
  spanID: string;
  operationName: string;
  references: { refType: 'CHILD_OF' | 'FOLLOWS_FROM'; traceID: string; spanID: string }[];
  /** µs since 1970. */
  startTime: number;
  /** µs. */
  duration: number;
  tags: Tag[];
  logs: { timestamp: number; fields: Tag[] }[];
  processID: string;
  warnings: string[] | null;
}

export interface JaegerTrace {
  traceID: string;
  spans: JaegerSpan[];
  processes: Record<string, { serviceName: string; tags: Tag[] }>;
  warnings: string[] | null;
}

export function jaegerTrace(trace: Trace): JaegerTrace {
  const spans: JaegerSpan[] = [];
  const processes: JaegerTrace['processes'] = {};
  const ids = new Map<string, string>();
  for (const span of trace.spans.values()) {
    const { service, instance, attributes } = span.resource;
    const key = JSON.stringify([service, instance]);
    let processID = ids.get(key);
    if (processID === undefined) {
      ids.set(key, (processID = `p${ids.size + 1}`));
      processes[processID] = { serviceName: service, tags: tags(attributes) };
    }
    spans.push(jaegerSpan(span, processID));
  }
  const warnings = trace.lost > 0 ? [`${trace.lost} more spans had no room in this trace`] : null;
  return { traceID: trace.id, spans, processes, warnings };
}

function jaegerSpan(span: Span, processID: string): JaegerSpan {
  const { traceId, spanId, parentSpanId } = span;
  const parent = parentSpanId === '' ? [] : [{ refType: 'CHILD_OF' as const, traceID: traceId, spanID: parentSpanId }];
  const links = span.links.map((link) => ({
    refType: 'FOLLOWS_FROM' as const,
    traceID: link.traceId,
    spanID: link.spanId,
  }));
  return {
    traceID: traceId,
    spanID: spanId,
    operationName: span.name,
    references: [...parent, ...links],
    startTime: micros(span.startMs),
    duration: micros(durationMs(span)),
    tags: spanTags(span),
    logs: span.events.map(({ name, atMs, attributes }) => ({
      timestamp: micros(atMs),
      fields: [tag('event', name), ...tags(attributes)],
    })),
    processID,
    warnings: span.endMs < span.startMs ? ['it ends before it starts'] : null,
  };
}

/** A span's attributes, and what OpenTelemetry's mapping to Jaeger makes tags of. */
export function spanTags(span: Span): Tag[] {
  const all = [...tags(span.attributes), tag('span.kind', span.kind)];
  if (span.scope !== '') all.push(tag('otel.scope.name', span.scope));
  if (span.status !== 'unset') all.push(tag('otel.status_code', span.status.toUpperCase()));
  if (span.status === 'error') all.push(tag('error', true));
  if (span.statusMessage !== '') all.push(tag('otel.status_description', span.statusMessage));
  return all;
}

const tags = (attributes: Attributes): Tag[] => Array.from(attributes, ([key, value]) => tag(key, value));

function tag(key: string, value: AttributeValue): Tag {
  if (typeof value === 'string') return { key, type: 'string', value };
  if (typeof value === 'boolean') return { key, type: 'bool', value };
  return { key, type: Number.isInteger(value) ? 'int64' : 'float64', value };
}

export const micros = (ms: number): number => Math.round(ms * 1_000);
