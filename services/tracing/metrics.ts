import { Counter, type Registry } from 'prom-client';
import { gaugeOf } from '../shared/instruments.js';
import type { TraceMemory } from './core/memory.js';

/** The tracing service's own vital signs. Every label value comes from a small closed set. */
export const declareMetrics = (registry: Registry) => ({
  requests: new Counter({
    name: 'ptp_tracing_requests_total',
    help: 'Requests of the OTLP receiver, by the status of the answer.',
    labelNames: ['status'] as const,
    registers: [registry],
  }),
  spans: new Counter({
    name: 'ptp_tracing_spans_total',
    help: 'Spans by what became of them: received, duplicate (sent once more), rejected (no valid span), dropped (no room in its trace or in memory).',
    labelNames: ['outcome'] as const,
    registers: [registry],
  }),
  forwarded: new Counter({
    name: 'ptp_tracing_forwarded_spans_total',
    help: 'Spans for the configured backend: sent, failed (refused by it), dropped (no room in the queue).',
    labelNames: ['outcome'] as const,
    registers: [registry],
  }),
  /** What is read when scraped. */
  watch: (memory: TraceMemory, limitBytes: number, forwardQueueBytes: () => number) => ({
    memory: gaugeOf(registry, 'ptp_tracing_memory_bytes', 'Estimated memory of all traces.', () => memory.bytes),
    limit: gaugeOf(
      registry,
      'ptp_tracing_memory_limit_bytes',
      'Memory that traces may take (TRACE_MEMORY_BYTES).',
      () => limitBytes,
    ),
    open: gaugeOf(
      registry,
      'ptp_tracing_open_traces',
      'Traces in memory that still gather spans.',
      () => memory.openTraces,
    ),
    kept: gaugeOf(registry, 'ptp_tracing_kept_traces', 'Traces in memory that were kept.', () => memory.keptTraces),
    queue: gaugeOf(registry, 'ptp_tracing_forward_queue_bytes', 'Bytes that wait to be forwarded.', forwardQueueBytes),
    traces: new Counter({
      name: 'ptp_tracing_traces_total',
      help: 'Traces by what became of them: kept, by the reason; not_sampled; evicted, kept before or not, for want of memory.',
      labelNames: ['outcome'] as const,
      registers: [registry],
      collect() {
        this.reset();
        for (const [outcome, count] of memory.counts) this.inc({ outcome }, count);
      },
    }),
  }),
});
