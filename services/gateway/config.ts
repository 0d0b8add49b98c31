import { readBrokerSettings } from '../shared/broker.js';
import { Env, LOG_LEVELS } from '../shared/env.js';
import { readMaxConnections } from '../shared/http.js';
import { readStreamSettings } from '../shared/streams.js';
import { isNodeName } from '../shared/subjects.js';
import { readTracingSettings } from '../shared/tracing.js';
import { readIdentity, type TlsFiles } from './access/tls.js';
import { parseTokens } from './access/tokens.js';
import { parseAllow } from './endpoints/allow.js';
import type { EndpointPolicy } from './endpoints/policy.js';
import { DATA_VERSIONS } from './subscriptions/record.js';
import { parseSecretKeys } from './subscriptions/secretKeys.js';

/** The gateway's settings; .env.example says what each is for. */
export function readConfig(vars: NodeJS.ProcessEnv) {
  const env = new Env(vars);
  const scope = env.text('GATEWAY_SCOPE', 'cluster');
  if (!/^[A-Za-z0-9_-]{1,128}$/.test(scope)) {
    env.mistake(`GATEWAY_SCOPE must be letters, digits, - and _ only (at most 128), got "${scope}"`);
  }
  const publicUrl = env.optional('PUBLIC_URL')?.replace(/\/+$/, '');
  if (publicUrl !== undefined && !/^https?:\/\/[^/\s]+/.test(publicUrl)) {
    env.mistake(`PUBLIC_URL must be an http or https URL, got "${publicUrl}"`);
  }
  const nodeName = env.optional('NODE_NAME');
  if (nodeName !== undefined && !isNodeName(nodeName)) {
    env.mistake(`NODE_NAME must be a node name such as compute-1.example.com, got "${nodeName}"`);
  }
  return env.check({
    nodeName,
    scope,
    publicUrl,
    apiPort: env.port('API_PORT', 8089),
    listenHost: env.optional('LISTEN_HOST'),
    maxConnections: readMaxConnections(env, 'API_MAX_CONNECTIONS', 4_096),
    endpointPolicy: readEndpointPolicy(env),
    sendsInitialStates: env.choice('INITIAL_NOTIFICATION', ['true', 'false'], 'true') === 'true',
    maxEventAgeMs:
      env.integer('MAX_EVENT_AGE', 72 * 3_600, { min: 1, max: 10 ** 9, what: 'a number of seconds' }) * 1_000,
    dataNames: env.choice('V1_DATA_VERSION', DATA_VERSIONS, 'both'),
    requestsPerSecond: env.integer('API_RATE', 1_000, { min: 0, max: 10 ** 6, what: 'a number of requests a second' }),
    subscriptionLimits: {
      total: env.integer('MAX_SUBSCRIPTIONS', 20_000, { min: 1, max: 10 ** 6 }),
      perCaller: env.integer('MAX_SUBSCRIPTIONS_PER_CALLER', 2_000, { min: 1, max: 10 ** 6 }),
    },
    isSidecar: scope !== 'cluster' && env.optional('ENDPOINT_POLICY') === 'local',
    tokensFile: checkedFile(env, 'API_TOKENS_FILE', parseTokens),
    /** Keys that secrets are sealed with (the first) and opened with (all); none: no secrets are taken. */
    secretKeys: readSecretKeys(env),
    tls: readTlsFiles(env),
    publisherApi: env.choice('PUBLISHER_API', ['enabled', 'disabled'], 'disabled') === 'enabled',
    broker: readBrokerSettings(env),
    streams: readStreamSettings(env),
    tracing: readTracingSettings(env),
    logLevel: env.choice('LOG_LEVEL', LOG_LEVELS, 'info'),
  });
}

export type GatewayConfig = ReturnType<typeof readConfig>;

/** The path of a file that the service reads again whenever it changes; its content is checked now. */
function checkedFile(env: Env, name: string, check: (content: string) => unknown): string | undefined {
  const content = env.file(name);
  if (content === undefined) return undefined;
  try {
    check(content);
  } catch (err) {
    env.mistake(`${name}: ${(err as Error).message}`);
  }
  return env.optional(name);
}

function readSecretKeys(env: Env): Buffer[] {
  const inFile = env.file('SECRET_KEYS_FILE');
  const given = env.optional('SECRET_KEYS');
  if (env.optional('SECRET_KEYS_FILE') !== undefined && given !== undefined) {
    env.mistake('SECRET_KEYS and SECRET_KEYS_FILE exclude each other');
  }
  const text = inFile ?? given;
  if (text === undefined) return [];
  try {
    return parseSecretKeys(text);
  } catch (err) {
    env.mistake(`${inFile === undefined ? 'SECRET_KEYS' : 'SECRET_KEYS_FILE'}: ${(err as Error).message}`);
    return [];
  }
}

function readTlsFiles(env: Env): TlsFiles | undefined {
  const cert = env.optional('API_TLS_CERT');
  const key = env.optional('API_TLS_KEY');
  if ((cert === undefined) !== (key === undefined)) env.mistake('API_TLS_CERT and API_TLS_KEY go together');
  if (cert === undefined || key === undefined) return undefined;
  try {
    readIdentity({ cert, key });
  } catch (err) {
    env.mistake(`API_TLS_CERT and API_TLS_KEY are no certificate and its key: ${(err as Error).message}`);
  }
  return { cert, key };
}

function readEndpointPolicy(env: Env): EndpointPolicy {
  const kind = env.choice('ENDPOINT_POLICY', ['cluster', 'local'], 'cluster');
  const list = env.optional('ENDPOINT_ALLOW');
  if (list === undefined) return { kind };
  try {
    return { kind, allow: parseAllow(list) };
  } catch (err) {
    env.mistake(`ENDPOINT_ALLOW: ${(err as Error).message}`);
    return { kind };
  }
}
