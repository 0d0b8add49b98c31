import { Env, LOG_LEVELS } from '../shared/env.js';
import { readMaxConnections } from '../shared/http.js';
import type { ForwardSettings } from './forward/forwarder.js';

const MiB = 1_024 * 1_024;

/** The tracing service's settings; .env.example says what each is for. */
export function readConfig(vars: NodeJS.ProcessEnv) {
  const env = new Env(vars);
  const otlpPort = env.port('OTLP_PORT', 4318);
  return env.check({
    otlpPort,
    queryPort: env.port('QUERY_PORT', 16_686),
    /** Exporters keep their connections open: one per collector and gateway. */
    maxSenders: readMaxConnections(env, 'OTLP_MAX_CONNECTIONS', 4_096),
    maxReaders: readMaxConnections(env, 'QUERY_MAX_CONNECTIONS', 256),
    listenHost: env.optional('LISTEN_HOST'),
    memory: {
      bytes: env.integer('TRACE_MEMORY_BYTES', 64 * MiB, { min: MiB, max: 4_096 * MiB, what: 'a number of bytes' }),
      slowMs: env.integer('TRACE_SLOW_MS', 100, { min: 1, max: 3_600_000, what: 'a number of ms' }),
      ratio: readRatio(env),
    },
    forward: readForward(env, otlpPort),
    logLevel: env.choice('LOG_LEVEL', LOG_LEVELS, 'info'),
  });
}

export type TracingConfig = ReturnType<typeof readConfig>;

function readRatio(env: Env): number {
  const text = env.text('TRACE_KEEP_RATIO', '0.1');
  const ratio = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (ratio >= 0 && ratio <= 1) return ratio;
  env.mistake(`TRACE_KEEP_RATIO must be a number from 0 to 1, got "${text}"`);
  return 0;
}

function readForward(env: Env, otlpPort: number): ForwardSettings | undefined {
  const headers = readHeaders(env);
  const queueBytes = env.integer('OTLP_FORWARD_QUEUE_BYTES', 16 * MiB, {
    min: MiB,
    max: 1_024 * MiB,
    what: 'a number of bytes',
  });
  const text = env.optional('OTLP_FORWARD_ENDPOINT');
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
  for (const part of (env.optional('OTLP_FORWARD_HEADERS') ?? '').split(',')) {
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
