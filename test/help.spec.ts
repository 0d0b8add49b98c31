import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { about as collector, readConfig as readCollector } from '../services/collector/config.js';
import { about as gateway, readConfig as readGateway } from '../services/gateway/config.js';
import { about as metrics, readConfig as readMetrics } from '../services/metrics/config.js';
import { settingsOf, type About } from '../services/shared/help.js';
import type { Setting } from '../services/shared/env.js';
import { about as tracing, readConfig as readTracing } from '../services/tracing/config.js';
import { root } from './support/observability.js';

const SERVICES: [About, Setting[]][] = [
  [collector, settingsOf(readCollector)],
  [gateway, settingsOf(readGateway)],
  [metrics, settingsOf(readMetrics)],
  [tracing, settingsOf(readTracing)],
];

const run = (command: string, args: string[], env: NodeJS.ProcessEnv = {}) =>
  spawnSync(command, args, { cwd: root, encoding: 'utf8', env: { PATH: process.env['PATH'], ...env } });
const node = (file: string, args: string[], env?: NodeJS.ProcessEnv) => run(process.execPath, [file, ...args], env);

describe('--help', () => {
  it.each(SERVICES)('of %j names every setting with its unit and default, and ends well', ({ name }, settings) => {
    const { status, stdout, stderr } = node(`dist/services/${name}/main.js`, ['--help']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage: node /);
    expect(stdout).toContain('Examples:');
    for (const setting of settings) {
      const value = setting.isRequired ? 'required' : setting.fallback ? `default ${setting.fallback}` : 'not set';
      expect(stdout).toContain(`  ${setting.name}`);
      expect(stdout).toContain(`[${setting.unit}; ${value}]`);
    }
  });

  it.each([
    'deploy/local/start.mjs',
    'deploy/local/setup.mjs',
    'deploy/settings/generate.mjs',
    'dist/services/operate/main.js',
    'dist/services/collector/corpus/main.js',
    'dist/test/bench/main.js',
    'dist/examples/consumer.js',
    'dist/examples/replay.js',
    'examples/subscribe.mjs',
    'observability/grafana/generate.mjs',
    'proto/generate.mjs',
    'test/ledger.mjs',
    'test/outages.mjs',
    'test/tracingStress.mjs',
    'test/bench/sink.mjs',
  ])('of %s ends well, without a broker', (file) => {
    const { status, stdout, stderr } = node(file, ['--help']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage: /);
  });

  it('of the Python example ends well', () => {
    const { status, stdout } = run('python3', ['examples/consumer.py', '--help']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^usage: /);
  });
});

describe('a service that cannot start', () => {
  it('tells several mistakes on a line each, misspelt settings among them', () => {
    const { status, stderr } = node('dist/services/gateway/main.js', [], {
      API_PORT: 'web',
      ENDPOINT_POLCY: 'local',
      STREAM_REPLICAS: '9',
    });
    expect(status).toBe(1);
    expect(stderr).toBe(
      'gateway cannot start:\n' +
        '  API_PORT must be a port from 0 to 65535, got "web"\n' +
        '  STREAM_REPLICAS must be a number of copies from 1 to 5, got "9"\n' +
        '  ENDPOINT_POLCY: did you mean ENDPOINT_POLICY?\n',
    );
  });

  it('tells a single one as a sentence', () => {
    const { status, stderr } = node('dist/services/collector/main.js', []);
    expect(status).toBe(1);
    expect(stderr).toBe('collector cannot start: NODE_NAME is required: name of this node\n');
  });

  it('says that it takes no arguments', () => {
    const { status, stderr } = node('dist/services/metrics/main.js', ['--port', '1']);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^metrics cannot start: there are no arguments \("--port"\), .*see --help\n$/);
  });
});

describe('the documents of the settings', () => {
  it('are up to date (npm run settings)', async () => {
    const { settingDocuments } = await import('../deploy/settings/documents.mjs');
    const { LOCAL_SETTINGS } = await import('../deploy/local/settings.mjs');
    const services = SERVICES.map(([{ name }, settings]) => ({ name, settings }));
    for (const [path, content] of Object.entries(await settingDocuments(services, LOCAL_SETTINGS))) {
      expect({ path, content: readFileSync(join(root, path), 'utf8') }).toEqual({ path, content });
    }
  });

  it('tell of every setting what it is for', () => {
    for (const [, settings] of SERVICES) {
      for (const { name, what, unit } of settings) expect(`${name} ${what} ${unit}`).toMatch(/^\w+ \S.{5,} \S/);
    }
  });
});
