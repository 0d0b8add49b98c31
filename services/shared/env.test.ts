import { readConfig } from '../gateway/config.js';
import { ConfigError, Env } from './env.js';

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
    const read = (): unknown => readConfig(vars);
    expect(read).toThrow(ConfigError);
    for (const name of Object.keys(vars)) expect(read).toThrow(new RegExp(name));
    expect(read).not.toThrow(/secret/);
  });

  it('take an empty variable for an absent one', () => {
    expect(readConfig({ API_PORT: '', PUBLIC_URL: '' })).toMatchObject({ apiPort: 8089, publicUrl: undefined });
  });

  it('require what has no default', () => {
    const env = new Env({});
    env.text('NODE_NAME', { what: 'name of this node' });
    expect(() => env.check({})).toThrow('NODE_NAME is required');
  });
});
