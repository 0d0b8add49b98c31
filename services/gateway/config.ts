import { readBrokerSettings } from '../shared/broker.js';
import { Env, LOG_LEVELS } from '../shared/env.js';
import { readStreamSettings } from '../shared/streams.js';
import { DATA_VERSIONS } from './subscriptions/record.js';

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
  return env.check({
    scope,
    publicUrl,
    apiPort: env.port('API_PORT', 8089),
    listenHost: env.optional('LISTEN_HOST'),
    endpointPolicy: env.choice('ENDPOINT_POLICY', ['cluster', 'local'], 'cluster'),
    sendsInitialStates: env.choice('INITIAL_NOTIFICATION', ['true', 'false'], 'true') === 'true',
    maxEventAgeMs:
      env.integer('MAX_EVENT_AGE', 72 * 3_600, { min: 1, max: 10 ** 9, what: 'a number of seconds' }) * 1_000,
    dataNames: env.choice('V1_DATA_VERSION', DATA_VERSIONS, 'both'),
    broker: readBrokerSettings(env),
    streams: readStreamSettings(env),
    logLevel: env.choice('LOG_LEVEL', LOG_LEVELS, 'info'),
  });
}

export type GatewayConfig = ReturnType<typeof readConfig>;
