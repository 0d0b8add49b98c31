import { ConfigError } from '../shared/env.js';
import { readConfig } from './config.js';

describe('the settings of the tracing service', () => {
  it('have defaults', () => {
    expect(readConfig({})).toMatchObject({
      otlpPort: 4318,
      queryPort: 16_686,
      memory: { bytes: 67_108_864, slowMs: 100, ratio: 0.1 },
      forward: undefined,
    });
  });

  it('name the backend and what it is sent along', () => {
    const { forward } = readConfig({
      OTLP_FORWARD_ENDPOINT: 'https://tempo.example.com:4318/otlp/',
      OTLP_FORWARD_HEADERS: 'Authorization=Bearer%20abc, x-scope-orgid = ran ',
    });
    expect(forward).toMatchObject({
      url: new URL('https://tempo.example.com:4318/otlp/v1/traces'),
      headers: { authorization: 'Bearer abc', 'x-scope-orgid': 'ran' },
    });
  });

  it.each([
    ['TRACE_KEEP_RATIO', '1.5'],
    ['TRACE_KEEP_RATIO', '-1'],
    ['TRACE_MEMORY_BYTES', '5'],
    ['TRACE_SLOW_MS', '0'],
    ['OTLP_FORWARD_ENDPOINT', 'tempo:4318'],
    ['OTLP_FORWARD_ENDPOINT', 'http://user:geheim@tempo:4318'],
    ['OTLP_FORWARD_ENDPOINT', 'http://127.0.0.1:4318'],
    ['OTLP_FORWARD_HEADERS', 'geheim'],
    ['OTLP_FORWARD_HEADERS', 'a=geheim%0d%0ab'],
    ['OTLP_FORWARD_HEADERS', 'a=%geheim'],
  ])('are refused with %s=%s, and no secret is told', (name, value) => {
    const read = (): unknown => readConfig({ [name]: value });
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(name);
    expect(read).not.toThrow('geheim');
  });
});
