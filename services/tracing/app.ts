import { listen } from '../shared/http.js';
import { declareProcessMetrics } from '../shared/processMetrics.js';
import type { Deps } from '../shared/service.js';
import type { TracingConfig } from './config.js';
import { TraceMemory } from './core/memory.js';
import { Forwarder } from './forward/forwarder.js';
import { declareMetrics } from './metrics.js';
import { createQueryApi } from './query/api.js';
import { createReceiver } from './receive/receiver.js';

/** Traces are judged this often. */
const JUDGE_MS = 1_000;

/** Starts the tracing service: spans in, traces to look at. Opens the edges and joins them to the core. Throws CannotStart. */
export async function startTracing(
  config: TracingConfig,
  deps: Deps,
): Promise<{ otlpPort: number; queryPort: number }> {
  const { log, life, registry, clock } = deps;
  declareProcessMetrics(registry, 'tracing');
  const metrics = declareMetrics(registry);
  const memory = new TraceMemory(config.memory);

  const query = createQueryApi({ log, registry, clock, memory, isReady: () => !life.isStopping });
  const queries = await listen(query, {
    port: config.queryPort,
    host: config.listenHost,
    setting: 'QUERY_PORT',
    maxConnections: config.maxReaders,
    log,
  });
  life.onStop('queries', () => queries.close());

  const forwarder =
    config.forward &&
    new Forwarder(config.forward, { clock, log, count: (outcome, n) => metrics.forwarded.inc({ outcome }, n) });
  life.onStop('forwarding', () => forwarder?.stop());
  metrics.watch(memory, config.memory.bytes, () => forwarder?.queuedBytes ?? 0);

  const receiver = createReceiver({
    log,
    queryPort: queries.port,
    clock,
    take(spans) {
      const nowMs = clock.monotonic();
      for (const span of spans) metrics.spans.inc({ outcome: memory.add(span, nowMs) });
    },
    forward: forwarder && ((encoding, request) => forwarder.add(encoding, request)),
    count: {
      request: (status) => metrics.requests.inc({ status: String(status) }),
      rejected: (spans) => metrics.spans.inc({ outcome: 'rejected' }, spans),
    },
  });
  const otlp = await listen(receiver, {
    port: config.otlpPort,
    host: config.listenHost,
    setting: 'OTLP_PORT',
    maxConnections: config.maxSenders,
    log,
  });
  life.onStop('receiver', () => otlp.close());

  let cancel: (() => void) | undefined;
  const judge = (): void => {
    memory.judge(clock.monotonic());
    cancel = clock.wakeAt(clock.monotonic() + JUDGE_MS, judge);
  };
  judge();
  life.onStop('judging', () => cancel?.());

  log.info({ otlpPort: otlp.port, queryPort: queries.port, forwards: forwarder !== undefined }, 'ready');
  return { otlpPort: otlp.port, queryPort: queries.port };
}
