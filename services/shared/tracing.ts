import type { Env } from './env.js';
import type { Deps } from './service.js';

/** Where spans go, and how many. */
export interface TracingSettings {
  /** Base URL of an OTLP/HTTP receiver (`OTEL_EXPORTER_OTLP_ENDPOINT`); absent: nothing is traced, nothing loaded. */
  endpoint: string | undefined;
  /** Traces begun, and deliveries traced, a second at most (`TRACE_RATE`); what is beyond is not sampled. */
  perSecond: number;
}

export function readTracingSettings(env: Env): TracingSettings {
  const endpoint = env
    .optional('OTEL_EXPORTER_OTLP_ENDPOINT', {
      what: 'OTLP/HTTP receiver of the spans, such as http://host:4318; absent: nothing is traced',
      unit: 'URL',
    })
    ?.replace(/\/+$/, '');
  if (endpoint !== undefined && !/^https?:\/\/[^\s/@]+(\/[^\s?#]*)?$/.test(endpoint)) {
    env.mistake(`OTEL_EXPORTER_OTLP_ENDPOINT must be http://host:port without user and password, got "${endpoint}"`);
  }
  const perSecond = env.integer('TRACE_RATE', {
    what: 'traces begun (collector) and deliveries traced (gateway) a second at most',
    unit: 'traces a second',
    fallback: 200,
    min: 1,
    max: 100_000,
  });
  return { endpoint, perSecond };
}

export type Attributes = Record<string, string | number | boolean>;

export interface SpanFields {
  /** `<operation> <destination template>`: of low cardinality. */
  name: string;
  kind: 'producer' | 'consumer' | 'client';
  /** ms since 1970, with a fraction. */
  startMs: number;
  attributes: Attributes;
  /** traceparents of spans that it has to do with, beside its parent. */
  links?: readonly string[];
}

/** A span under way. */
export interface Span {
  /** W3C Trace Context of this span. */
  readonly traceparent: string;
  set(attributes: Attributes): void;
  /** @param failure why what it stands for has failed, in words without addresses or secrets */
  end(endMs: number, failure?: string): void;
}

/** Makes spans. What is not sampled has none, so nobody pays for it. */
export interface Tracing {
  /** The first span of a trace; undefined when it is not sampled. */
  root(fields: SpanFields): Span | undefined;
  /** A span below another, of this process or not; undefined when that one is not sampled. */
  child(parent: string, fields: SpanFields): Span | undefined;
  /** Whether one more may be begun now; asked once for what has several spans. Roots ask by themselves. */
  sample(): boolean;
}

/** OpenTelemetry, loaded only when there is somebody to send spans to. The last spans are sent on stop. */
export async function openTracing(
  settings: TracingSettings,
  service: string,
  deps: Deps,
): Promise<Tracing | undefined> {
  if (settings.endpoint === undefined) return undefined;
  const { startTracing } = await import('./otel.js');
  return startTracing({ ...settings, endpoint: settings.endpoint }, service, deps);
}

/** Whether a W3C traceparent says that its trace is recorded. */
export const isSampled = (traceparent: string): boolean => (Number.parseInt(traceparent.slice(-2), 16) & 1) === 1;

/** The trace id of a W3C traceparent. */
export const traceIdOf = (traceparent: string): string => traceparent.slice(3, 35);
