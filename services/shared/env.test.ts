import { readConfig } from '../gateway/config.js';
import { ConfigError, Env } from './env.js';

const read = (vars: NodeJS.ProcessEnv): number[] => {
  const { maxEventAgeMs, streams } = readConfig(vars);
  return [maxEventAgeMs, streams.eventsMaxBytes];
};

describe('settings', () => {
  it('have defaults', () => {
    expect(readConfig({})).toMatchObject({
      scope: 'cluster',
      apiPort: 8089,
      endpointPolicy: { kind: 'cluster' },
      dataNames: 'both',
    });
  });

  it('are refused with every mistake at once, and without secrets', () => {
    const vars = {
      API_PORT: 'abc',
      ENDPOINT_POLICY: 'open',
      GATEWAY_SCOPE: 'a.b',
      PUBLIC_URL: 'nowhere',
      ENDPOINT_ALLOW: '10.0.0.0/8,::/0:x',
      NODE_NAME: 'a_b',
      API_TOKENS_FILE: '/nowhere/tokens.yaml',
      API_TLS_CERT: '/nowhere/tls.crt',
      API_RATE: 'many',
      MAX_SUBSCRIPTIONS: '0',
      PUBLISHER_API: 'yes',
      NATS_USER: 'me',
      NATS_URL: 'nats://me:secret@host:4222',
      NATS_CREDS: '/nowhere/creds',
    };
    const refused = (): unknown => readConfig(vars);
    expect(refused).toThrow(ConfigError);
    for (const name of Object.keys(vars)) expect(refused).toThrow(new RegExp(name));
    expect(refused).not.toThrow(/secret/);
  });

  it('take an empty variable for an absent one', () => {
    expect(readConfig({ API_PORT: '', PUBLIC_URL: '' })).toMatchObject({ apiPort: 8089, publicUrl: undefined });
  });

  it('take units, and plain numbers as ever', () => {
    expect(read({})).toEqual([259_200_000, 2 ** 30]);
    expect(read({ MAX_EVENT_AGE: '259200', EVENTS_MAX_BYTES: '1073741824' })).toEqual([259_200_000, 2 ** 30]);
    expect(read({ MAX_EVENT_AGE: '12h', EVENTS_MAX_BYTES: '512Mi' })).toEqual([43_200_000, 2 ** 29]);
    expect(() => read({ MAX_EVENT_AGE: '500ms', EVENTS_MAX_BYTES: '1 GB' })).toThrow(
      '\n  MAX_EVENT_AGE must be a duration from 1s to 11575d, such as 30s or 3d (a plain number is s), got "500ms"' +
        '\n  EVENTS_MAX_BYTES must be a size from 1Mi to 8Ti, such as 1G or 512Mi (a plain number is bytes), got "1 GB"',
    );
  });

  it('say what helps when Kubernetes has set one for a Service of that name', () => {
    expect(() => readConfig({ API_PORT: 'tcp://10.96.0.7:80' })).toThrow(
      /^API_PORT must be a port, got "tcp:.*enableServiceLinks: false$/,
    );
  });

  it('that are misspelt are mistakes', () => {
    expect(() => readConfig({ ENDPOINT_POLCY: 'local' })).toThrow('ENDPOINT_POLCY: did you mean ENDPOINT_POLICY?');
  });

  it('require what has no default', () => {
    const env = new Env({});
    env.text('NODE_NAME', { what: 'name of this node' });
    expect(() => env.check({})).toThrow('NODE_NAME is required');
  });
});
