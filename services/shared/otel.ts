import { randomUUID } from 'node:crypto';
import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Context,
  type HrTime,
  type SpanContext,
} from '@opentelemetry/api';
import { ExportResultCode, type ExportResult } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  BatchSpanProcessor,
  type ReadableSpan,
  type Span as SdkSpan,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { ATTR_SERVICE_INSTANCE_ID, ATTR_SERVICE_NAME } from '@opentelemetry/semantic-conventions';
import { Counter } from 'prom-client';
import type { Deps } from './service.js';
import { isSampled, traceIdOf, type Span, type SpanFields, type Tracing } from './tracing.js';

/** Spans that wait for their export at most; more are dropped and counted. */
const QUEUE = 4_096;
const EXPORT_EVERY_MS = 1_000;
const EXPORT_MS = 5_000;

const KINDS = { producer: SpanKind.PRODUCER, consumer: SpanKind.CONSUMER, client: SpanKind.CLIENT };

/** The OpenTelemetry SDK behind `Tracing`: no global state, manual spans, OTLP/HTTP in JSON. */
export function startTracing(
  { endpoint, perSecond }: { endpoint: string; perSecond: number },
  service: string,
  { registry, life, clock, log }: Deps,
): Tracing {
  const spans = new Counter({
    name: 'ptp_spans_total',
    help: 'Spans by what became of them: exported, failed (the receiver did not take them), dropped (the queue was full).',
    labelNames: ['outcome'] as const,
    registers: [registry],
  });
  const exporter = new OTLPTraceExporter({ url: `${endpoint}/v1/traces`, timeoutMillis: EXPORT_MS });
  const provider = new BasicTracerProvider({
    // Whether a trace is recorded is decided below.
    sampler: new AlwaysOnSampler(),
    resource: resourceFromAttributes({
      [ATTR_SERVICE_NAME]: `ptp-${service}`,
      [ATTR_SERVICE_INSTANCE_ID]: randomUUID(),
    }),
    spanProcessors: [new BoundedProcessor(exporter, (outcome, count) => spans.inc({ outcome }, count))],
  });
  life.onStop('tracing', () => provider.shutdown());
  log.info({ endpoint }, 'sending spans');

  const tracer = provider.getTracer('ptp-event-bus');
  const budget = new Budget(perSecond, () => clock.monotonic());
  const start = (fields: SpanFields, context: Context): Span => {
    const span = tracer.startSpan(
      fields.name,
      {
        kind: KINDS[fields.kind],
        startTime: hrTime(fields.startMs),
        attributes: fields.attributes,
        links: (fields.links ?? []).map((link) => ({ context: spanContext(link) })),
      },
      context,
    );
    const { traceId, spanId } = span.spanContext();
    return {
      traceparent: `00-${traceId}-${spanId}-01`,
      set: (attributes) => void span.setAttributes(attributes),
      end(endMs, failure) {
        if (failure !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: failure });
        // A clock that was set back meanwhile must not give a span a negative length.
        span.end(hrTime(Math.max(endMs, fields.startMs)));
      },
    };
  };
  return {
    root: (fields) => (budget.take() ? start(fields, ROOT_CONTEXT) : undefined),
    child: (parent, fields) =>
      isSampled(parent) ? start(fields, trace.setSpanContext(ROOT_CONTEXT, spanContext(parent))) : undefined,
    sample: () => budget.take(),
  };
}

/** At most so many a second. */
class Budget {
  readonly #perSecond: number;
  readonly #monotonic: () => number;
  #left: number;
  #filledMs: number;

  constructor(perSecond: number, monotonic: () => number) {
    this.#perSecond = perSecond;
    this.#monotonic = monotonic;
    this.#left = perSecond;
    this.#filledMs = monotonic();
  }

  take(): boolean {
    const now = this.#monotonic();
    this.#left = Math.min(this.#perSecond, this.#left + ((now - this.#filledMs) * this.#perSecond) / 1_000);
    this.#filledMs = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}

type Count = (outcome: 'exported' | 'failed' | 'dropped', spans: number) => void;

/** The SDK's batches, with a count of what was lost: its own processor drops without a word. */
class BoundedProcessor implements SpanProcessor {
  readonly #batches: BatchSpanProcessor;
  readonly #count: Count;
  #waiting = 0;

  constructor(exporter: SpanExporter, count: Count) {
    this.#count = count;
    const counting: SpanExporter = {
      export: (spans: ReadableSpan[], done: (result: ExportResult) => void) =>
        exporter.export(spans, (result) => {
          this.#waiting -= spans.length;
          count(result.code === ExportResultCode.SUCCESS ? 'exported' : 'failed', spans.length);
          // The SDK would log every failure; they are counted.
          done({ code: ExportResultCode.SUCCESS });
        }),
      shutdown: () => exporter.shutdown(),
    };
    this.#batches = new BatchSpanProcessor(counting, {
      maxQueueSize: QUEUE,
      maxExportBatchSize: 512,
      scheduledDelayMillis: EXPORT_EVERY_MS,
      exportTimeoutMillis: 2 * EXPORT_MS,
    });
  }

  onStart(span: SdkSpan, context: Context): void {
    this.#batches.onStart(span, context);
  }

  onEnd(span: ReadableSpan): void {
    if (this.#waiting >= QUEUE) return this.#count('dropped', 1);
    this.#waiting += 1;
    this.#batches.onEnd(span);
  }

  forceFlush(): Promise<void> {
    return this.#batches.forceFlush();
  }

  shutdown(): Promise<void> {
    return this.#batches.shutdown();
  }
}

/** As an array: a number before the start of the process would be taken for a time since then. */
const hrTime = (ms: number): HrTime => {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.round((ms - seconds * 1_000) * 1e6)];
};

const spanContext = (traceparent: string): SpanContext => ({
  traceId: traceIdOf(traceparent),
  spanId: traceparent.slice(36, 52),
  traceFlags: isSampled(traceparent) ? TraceFlags.SAMPLED : TraceFlags.NONE,
  isRemote: true,
});
