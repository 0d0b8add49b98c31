import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';

const run = {
  apiPort: 8089,
  collectorPort: 9091,
  metricsPort: 9464,
  otlpPort: 4319,
  queryPort: 16686,
  nodeName: 'n1',
  host: '127.0.0.1',
  natsUrl: 'nats://127.0.0.1:4222',
  ownBroker: true,
  eventSocket: '/run/events.sock',
};

describe('the environment of a service', () => {
  it('has the port of its own metrics, canaries, and the tracing service', async () => {
    const { serviceEnvironments } = await import('./services.mjs');
    const { collector, metrics } = serviceEnvironments({ METRICS_PORT: '1' }, run);
    expect(collector).toMatchObject({
      METRICS_PORT: '9091',
      CANARY: 'true',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4319',
    });
    expect(metrics).toMatchObject({ METRICS_PORT: '9464', NATS_URL: run.natsUrl });
  });

  it('is left to the user where this run does not decide', async () => {
    const { serviceEnvironments } = await import('./services.mjs');
    const env = { CANARY: 'false', ENDPOINT_POLICY: '', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://tempo:4318' };
    expect(serviceEnvironments(env, run)['collector']).toMatchObject({
      CANARY: 'false',
      ENDPOINT_POLICY: 'local',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://tempo:4318',
    });
  });

  it('has a key for secrets, unless the user has set one', async () => {
    const { serviceEnvironments } = await import('./services.mjs');
    const withKey = { ...run, secretKeysFile: '/data/secret.keys' };
    const keysOf = (env: NodeJS.ProcessEnv): unknown[] => {
      const { gateway } = serviceEnvironments(env, withKey);
      return [gateway?.['SECRET_KEYS'], gateway?.['SECRET_KEYS_FILE']];
    };
    expect(keysOf({})).toEqual([undefined, '/data/secret.keys']);
    expect(keysOf({ SECRET_KEYS: 'k' })).toEqual(['k', undefined]);
    expect(keysOf({ SECRET_KEYS_FILE: '/own' })).toEqual([undefined, '/own']);
    expect(serviceEnvironments({}, withKey)['collector']).not.toHaveProperty('SECRET_KEYS_FILE');
  });

  it('has credentials only for the broker of the user', async () => {
    const { serviceEnvironments } = await import('./services.mjs');
    const env = { NATS_TOKEN: 'secret' };
    expect(serviceEnvironments(env, run)['gateway']).not.toHaveProperty('NATS_TOKEN');
    expect(serviceEnvironments(env, { ...run, ownBroker: false })['gateway']).toHaveProperty('NATS_TOKEN');
  });
});

describe('mistakes in the settings', () => {
  it('are refused one as a sentence, several on a line each', async () => {
    const { refuse } = await import('./services.mjs');
    expect(() => refuse([])).not.toThrow();
    expect(() => refuse(['A must be a port'])).toThrow(/^Cannot start: A must be a port\.$/);
    expect(() => refuse(['A must be a port', 'B: did you mean C?'])).toThrow(
      /^Cannot start:\n {2}A must be a port\n {2}B: did you mean C\?$/,
    );
  });

  it('that are misspelt are told once, whichever services complain', async () => {
    const { serviceMistakes } = await import('./services.mjs');
    const vars = { NODE_NAME: 'n1', ENDPOINT_POLCY: 'local' };
    const all = { collector: vars, gateway: vars, metrics: vars, tracing: vars };
    expect(await serviceMistakes(join(__dirname, '../..'), all, {})).toEqual([
      'ENDPOINT_POLCY: did you mean ENDPOINT_POLICY?',
    ]);
  });

  it('that are misspelt are told also where the run itself sets what was meant', async () => {
    const { serviceEnvironments, serviceMistakes } = await import('./services.mjs');
    const vars = { NATS_ULR: 'nats://broker:4222', ENDPOINT_POLCY: 'cluster', API_PROT: '8000' };
    const mistakes = await serviceMistakes(join(__dirname, '../..'), serviceEnvironments(vars, run), vars);
    expect(mistakes.toSorted()).toEqual([
      'API_PROT: did you mean API_PORT?',
      'ENDPOINT_POLCY: did you mean ENDPOINT_POLICY?',
      'NATS_ULR: did you mean NATS_URL?',
    ]);
  });
});

describe('Prometheus of a local run', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ptp-prometheus-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('is the one that PROMETHEUS names, and must be there then', async () => {
    const { providePrometheus } = await import('./prometheus.mjs');
    const program = join(folder, 'prometheus');
    writeFileSync(program, '#!/bin/sh', { mode: 0o755 });
    expect(await providePrometheus({ PROMETHEUS: program }, { isWanted: false })).toBe(program);
    const missing = providePrometheus({ PROMETHEUS: join(folder, 'none') }, { isWanted: false });
    await expect(missing).rejects.toThrow(`PROMETHEUS names no program: ${folder}/none.`);
  });

  it('scrapes the ports of the run with our jobs and rules', async () => {
    const { writePrometheusConfig } = await import('./prometheus.mjs');
    const root = join(__dirname, '../..');
    const to = join(folder, 'new');
    mkdirSync(to);
    const targets = {
      'ptp-collector': { address: 'localhost:9091', labels: { node: 'n1' } },
      'ptp-gateway': { address: 'localhost:8089' },
      'ptp-metrics': { address: 'localhost:9464' },
      'ptp-tracing': { address: 'localhost:16686' },
    };
    const config = parse(readFileSync(await writePrometheusConfig(root, to, targets), 'utf8')) as {
      scrape_configs: { job_name: string; honor_labels?: boolean; static_configs: unknown[] }[];
      rule_files: string[];
    };
    expect(config.rule_files).toEqual([join(root, 'observability/prometheus/rules/*.yml')]);
    expect(config.scrape_configs.map(({ job_name }) => job_name)).toEqual(Object.keys(targets));
    expect(config.scrape_configs[0]).toMatchObject({
      honor_labels: true,
      static_configs: [{ targets: ['localhost:9091'], labels: { node: 'n1' } }],
    });
  });
});
