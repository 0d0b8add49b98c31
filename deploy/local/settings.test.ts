describe('the settings of the local run', () => {
  it('are a demo under .data by default', async () => {
    const { readSettings } = await import('./settings.mjs');
    expect(readSettings([], {}, '/repository').settings).toMatchObject({
      demo: true,
      dataDir: '/repository/.data',
      natsUrl: undefined,
      nodeName: 'demo-node',
      host: '127.0.0.1',
      apiPort: 8089,
      withPrometheus: false,
      collectorPort: 9091,
      metricsPort: 9464,
      otlpPort: 4318,
      queryPort: 16686,
      prometheusPort: 9090,
    });
  });

  it('come from the environment, where an empty variable is none', async () => {
    const { readSettings } = await import('./settings.mjs');
    const env = { NODE_NAME: 'n1', API_PORT: '8000', NATS_URL: '', DATA_DIR: '/data' };
    expect(readSettings(['--no-demo'], env, '/repository').settings).toMatchObject({
      demo: false,
      dataDir: '/data',
      natsUrl: undefined,
      nodeName: 'n1',
      apiPort: 8000,
    });
  });

  it('are told apart from their mistakes: a wrong one has its default', async () => {
    const { readSettings } = await import('./settings.mjs');
    const env = { API_PORT: 'http', METRICS_PORT: '0' };
    const { settings, mistakes } = readSettings(['--with-prometheus'], env, '/');
    expect(mistakes).toEqual([
      'API_PORT must be a port from 1 to 65535, got "http"',
      'METRICS_PORT must be a port from 1 to 65535, got "0"',
    ]);
    expect(settings).toMatchObject({ withPrometheus: true, apiPort: 8089, collectorPort: 9091 });
  });

  it('answer an unknown option with the usage', async () => {
    const { readSettings } = await import('./settings.mjs');
    expect(() => readSettings(['--nodemo'], {}, '/')).toThrow(/^Unknown option --nodemo\.\n\nUsage: npm start/);
  });
});
