import { readBrokerSettings } from '../shared/broker.js';
import { Env, readListenHost, readLogLevel } from '../shared/env.js';
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

/** What `--help` says about this service. */
export const about = {
  name: 'gateway',
  does: 'Serves the O-Cloud notification REST API v1 and posts the events of the bus to the subscribed endpoints.',
  examples: [
    'NATS_URL=nats://localhost:4222 node dist/services/gateway/main.js',
    'GATEWAY_SCOPE=my-app ENDPOINT_POLICY=local LISTEN_HOST=127.0.0.1 node dist/services/gateway/main.js',
  ],
};

/** Throws ConfigError that names every mistake. */
export function readConfig(vars: NodeJS.ProcessEnv, env = new Env(vars)) {
  const scope = env.text('GATEWAY_SCOPE', {
    what: 'subscriptions belong to a scope; one gateway serves it, and ends when another one takes it',
    unit: 'letters, digits, - and _',
    fallback: 'cluster',
  });
  if (!/^[A-Za-z0-9_-]{1,128}$/.test(scope)) {
    env.mistake(`GATEWAY_SCOPE must be letters, digits, - and _ only (at most 128), got "${scope}"`);
  }
  const publicUrl = env
    .optional('PUBLIC_URL', { what: 'base of uriLocation; absent: as the client reached the gateway', unit: 'URL' })
    ?.replace(/\/+$/, '');
  if (publicUrl !== undefined && !/^https?:\/\/[^/\s]+/.test(publicUrl)) {
    env.mistake(`PUBLIC_URL must be an http or https URL, got "${publicUrl}"`);
  }
  const nodeName = env.optional('NODE_NAME', {
    what: "node it runs on: what . means in a resource; it reads that node's events alone while that is enough",
    unit: 'host name',
  });
  if (nodeName !== undefined && !isNodeName(nodeName)) {
    env.mistake(`NODE_NAME must be a node name such as compute-1.example.com, got "${nodeName}"`);
  }
  const endpointPolicy = readEndpointPolicy(env);
  return env.check({
    nodeName,
    scope,
    publicUrl,
    apiPort: env.port('API_PORT', {
      what: 'REST v1, /health, /livez, /readyz, /metrics, /openapi.json',
      fallback: 8089,
    }),
    listenHost: readListenHost(env),
    maxConnections: readMaxConnections(env, 'API_MAX_CONNECTIONS', 4_096),
    endpointPolicy,
    sendsInitialStates: env.flag('INITIAL_NOTIFICATION', {
      what: 'a new subscription is sent the current states first',
      fallback: true,
    }),
    maxEventAgeMs: env.duration('MAX_EVENT_AGE', {
      what: 'after so long an event that a newer one supersedes is given up after a failure',
      plain: 's',
      fallback: '3d',
      min: '1s',
      max: '11575d',
    }),
    dataNames: env.choice('V1_DATA_VERSION', DATA_VERSIONS, {
      what: 'names in data.values: 1.0, v1, or both sets',
      fallback: 'both',
    }),
    requestsPerSecond: env.integer('API_RATE', {
      what: 'requests a second per caller; 0: any number',
      unit: 'requests a second',
      fallback: 1_000,
      min: 0,
      max: 10 ** 6,
    }),
    subscriptionLimits: {
      total: env.integer('MAX_SUBSCRIPTIONS', {
        what: 'subscriptions of the scope at most',
        unit: 'subscriptions',
        fallback: 20_000,
        min: 1,
        max: 10 ** 6,
      }),
      perCaller: env.integer('MAX_SUBSCRIPTIONS_PER_CALLER', {
        what: 'subscriptions of one caller at most',
        unit: 'subscriptions',
        fallback: 2_000,
        min: 1,
        max: 10 ** 6,
      }),
    },
    isSidecar: scope !== 'cluster' && endpointPolicy.kind === 'local',
    tokensFile: checkedFile(
      env,
      'API_TOKENS_FILE',
      'list of {name, token or sha256, roles}, YAML or JSON; absent: no authentication',
      parseTokens,
    ),
    /** Keys that secrets are sealed with (the first) and opened with (all); none: no secrets are taken. */
    secretKeys: readSecretKeys(env),
    tls: readTlsFiles(env),
    publisherApi:
      env.choice('PUBLISHER_API', ['enabled', 'disabled'], {
        what: 'whether publishers and events may be made over REST',
        fallback: 'disabled',
      }) === 'enabled',
    broker: readBrokerSettings(env),
    streams: readStreamSettings(env),
    tracing: readTracingSettings(env),
    logLevel: readLogLevel(env),
  });
}

export type GatewayConfig = ReturnType<typeof readConfig>;

/** The path of a file that the service reads again whenever it changes; its content is checked now. */
function checkedFile(env: Env, name: string, what: string, check: (content: string) => unknown): string | undefined {
  const content = env.file(name, { what });
  if (content === undefined) return undefined;
  try {
    check(content);
  } catch (err) {
    env.mistake(`${name}: ${(err as Error).message}`);
  }
  return env.optional(name, { what });
}

function readSecretKeys(env: Env): Buffer[] {
  const inFile = env.file('SECRET_KEYS_FILE', {
    what: 'keys that the secrets of subscriptions are sealed with, one a line (openssl rand -base64 32): the first seals, all open',
  });
  const given = env.optional('SECRET_KEYS', {
    what: 'the keys themselves; without them and a file of them a subscription with a secret is refused; secret',
    unit: 'comma-separated list',
  });
  if (inFile !== undefined && given !== undefined) env.mistake('SECRET_KEYS and SECRET_KEYS_FILE exclude each other');
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
  const cert = env.optional('API_TLS_CERT', {
    what: 'certificate to serve HTTPS with (PEM), with API_TLS_KEY; read again when they change',
    unit: 'path',
  });
  const key = env.optional('API_TLS_KEY', { what: 'its key (PEM)', unit: 'path' });
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
  const kind = env.choice('ENDPOINT_POLICY', ['cluster', 'local'], {
    what: 'cluster: no loopback, no link-local endpoints; local: loopback allowed',
    fallback: 'cluster',
  });
  const list = env.optional('ENDPOINT_ALLOW', {
    what: 'only these endpoints: CIDR or address, host (and all below it), with :port; absent: all that the policy allows',
    unit: 'comma-separated list',
  });
  if (list === undefined) return { kind };
  try {
    return { kind, allow: parseAllow(list) };
  } catch (err) {
    env.mistake(`ENDPOINT_ALLOW: ${(err as Error).message}`);
    return { kind };
  }
}
