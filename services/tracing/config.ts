import { Env, readListenHost, readLogLevel } from '../shared/env.js';
import { readMaxConnections } from '../shared/http.js';
import type { ForwardSettings } from './forward/forwarder.js';

/** What `--help` says about this service. */
export const about = {
  name: 'tracing',
  does: 'Takes spans of the other services, shows the journey of an event hop by hop, and passes spans on.',
  examples: [
    'node dist/services/tracing/main.js',
    'OTLP_FORWARD_ENDPOINT=http://tempo:4318 node dist/services/tracing/main.js',
  ],
};

/** Throws ConfigError that names every mistake. */
export function readConfig(vars: NodeJS.ProcessEnv, env = new Env(vars)) {
  const otlpPort = env.port('OTLP_PORT', {
    what: 'POST /v1/traces: OTLP/HTTP, JSON or protobuf, gzip or not',
    fallback: 4318,
  });
  return env.check({
    otlpPort,
    queryPort: env.port('QUERY_PORT', {
      what: "/, /v1/events/{event id}, Jaeger's query API /api/…, /metrics, /livez, /readyz",
      fallback: 16_686,
    }),
    /** Exporters keep their connections open: one per collector and gateway. */
    maxSenders: readMaxConnections(env, 'OTLP_MAX_CONNECTIONS', 4_096),
    maxReaders: readMaxConnections(env, 'QUERY_MAX_CONNECTIONS', 256),
    listenHost: readListenHost(env),
    memory: {
      bytes: env.size('TRACE_MEMORY_BYTES', {
        what: 'estimated memory of all traces; the process takes up to 300 MB more',
        fallback: '64Mi',
        min: '1Mi',
        max: '4Gi',
      }),
      slowMs: env.duration('TRACE_SLOW_MS', {
        what: 'from this on a trace is slow, and kept',
        plain: 'ms',
        fallback: '100ms',
        min: '1ms',
        max: '1h',
      }),
      ratio: env.ratio('TRACE_KEEP_RATIO', {
        what: 'share of the unremarkable traces that is kept beyond 50 traces a second',
        fallback: 0.1,
      }),
    },
    forward: readForward(env, otlpPort),
    logLevel: readLogLevel(env),
  });
}

export type TracingConfig = ReturnType<typeof readConfig>;

function readForward(env: Env, otlpPort: number): ForwardSettings | undefined {
  const text = env.optional('OTLP_FORWARD_ENDPOINT', {
    what: 'another OTLP/HTTP receiver that every valid span goes on to; its private CA: NODE_EXTRA_CA_CERTS',
    unit: 'URL',
  });
  const headers = readHeaders(env);
  const queueBytes = env.size('OTLP_FORWARD_QUEUE_BYTES', {
    what: 'spans that wait for that receiver at most',
    fallback: '16Mi',
    min: '1Mi',
    max: '1Gi',
  });
  if (text === undefined) return undefined;
  const base = text.replace(/\/+$/, '');
  if (!/^https?:\/\/[^\s/@?#]+(\/[^\s?#]*)?$/.test(base) || !URL.canParse(base)) {
    // It may hold a password, so it is not repeated.
    env.mistake('OTLP_FORWARD_ENDPOINT must be http(s)://host:port without user, password and query');
    return undefined;
  }
  const url = new URL(`${base}/v1/traces`);
  if (['localhost', '127.0.0.1', '[::1]'].includes(url.hostname) && url.port === String(otlpPort)) {
    env.mistake('OTLP_FORWARD_ENDPOINT must not be this service itself');
  }
  return { url, headers, queueBytes };
}

/** As OTEL_EXPORTER_OTLP_HEADERS: `name=value,name=value`, values percent-encoded where they must be. */
function readHeaders(env: Env): Record<string, string> {
  const headers: Record<string, string> = {};
  const text = env.optional('OTLP_FORWARD_HEADERS', {
    what: 'headers sent along, values percent-encoded; secret',
    unit: 'name=value,name=value',
  });
  for (const part of (text ?? '').split(',')) {
    if (part.trim() === '') continue;
    const [, name, value] = /^\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*(.*?)\s*$/.exec(part) ?? [];
    const plain = value === undefined ? undefined : decoded(value);
    if (name === undefined || plain === undefined || !/^[\t\x20-\x7e]*$/.test(plain)) {
      env.mistake('OTLP_FORWARD_HEADERS must be name=value,name=value');
      return {};
    }
    headers[name.toLowerCase()] = plain;
  }
  return headers;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
