import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { LandingView } from '../services/shared/landing.js';
import { startBroker, type Broker } from './support/broker.js';
import { NODE, NodeFiles, startTestCollector } from './support/collector.js';
import { startTestMetrics } from './support/metrics.js';
import { root } from './support/observability.js';
import { freePort } from './support/ports.js';
import { startTestGateway, type Gateway } from './support/services.js';
import { startTestTracing } from './support/tracing.js';

const BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };

/** What a page may not have without strict rules for what it may do. */
function expectStrict(headers: Headers): void {
  const policy = headers.get('content-security-policy') ?? '';
  expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[\w+/=]+';/);
  expect(policy).not.toMatch(/unsafe|\*|http/);
  expect(policy).toContain("frame-ancestors 'none'");
  expect(headers.get('x-content-type-options')).toBe('nosniff');
}

describe('the landing page of', () => {
  let broker: Broker;
  let files: NodeFiles;
  let gateway: Gateway;
  /** Base URL of each port. */
  let ports: Record<string, string>;
  let parts: { stop(): Promise<unknown> }[];

  beforeAll(async () => {
    broker = await startBroker();
    files = new NodeFiles();
    const collectorPort = await freePort();
    gateway = await startTestGateway(broker.url);
    const metrics = await startTestMetrics(broker.url);
    const tracing = await startTestTracing();
    const vars = { METRICS_PORT: String(collectorPort), LISTEN_HOST: '127.0.0.1' };
    parts = [gateway, metrics, tracing, await startTestCollector(broker.url, files, { vars })];
    ports = {
      'ptp-gateway': gateway.url,
      'ptp-collector': `http://127.0.0.1:${collectorPort}`,
      'ptp-metrics': `http://127.0.0.1:${metrics.port}`,
      'ptp-tracing': tracing.query,
      'ptp-tracing (spans)': tracing.otlp,
    };
  });
  afterAll(async () => {
    await Promise.all(parts.map((part) => part.stop()));
    files.remove();
    await broker.close();
  });

  const names = ['ptp-gateway', 'ptp-collector', 'ptp-metrics', 'ptp-tracing', 'ptp-tracing (spans)'];

  it.each(names)('%s is a page for a browser, and JSON with the same links for everybody else', async (name) => {
    const url = `${ports[name]}/`;
    const answer = await fetch(url, { headers: BROWSER });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(answer.headers.get('vary')).toBe('Accept');
    expectStrict(answer.headers);
    const page = await answer.text();
    expect(page).toMatch(/^<!doctype html>/);
    expect(page).not.toMatch(/<script|\sstyle=|\son\w+=/);

    const json = await fetch(url);
    expect(json.headers.get('content-type')).toBe('application/json; charset=utf-8');
    const view = (await json.json()) as LandingView;
    expect(view).toMatchObject({ service: name.split(' ')[0], version });
    expect(page).toContain(`<h1>${view.service} ${version}</h1>`);
    expect(view.links.length).toBeGreaterThan(0);
    for (const { href } of view.links) {
      expect(page).toContain(`<a href="${href}">`);
      expect({ href, status: (await fetch(new URL(href, url))).status }).toEqual({ href, status: 200 });
    }
  });

  it.each(names)('%s is not for writing', async (name) => {
    const answer = await fetch(`${ports[name]}/`, { method: 'POST' });
    expect([404, 405]).toContain(answer.status);
  });

  it('the port that takes spans links to the host that was asked, escaped whatever was asked', async () => {
    const asked = new URL(ports['ptp-tracing (spans)'] ?? '');
    const pageFor = (host: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const headers = { ...BROWSER, host };
        const answered = (answer: IncomingMessage): void => void text(answer).then(resolve, reject);
        get({ hostname: asked.hostname, port: asked.port, headers }, answered).once('error', reject);
      });
    const { port } = new URL(ports['ptp-tracing'] ?? '');
    expect(await pageFor('trace.example:4318')).toContain(`<a href="http://trace.example:${port}/">`);
    expect(await pageFor('"><script>alert(1)</script>')).not.toMatch(/<script|"">/);
  });

  it('the collector says which node it is of', async () => {
    expect(await (await fetch(`${ports['ptp-collector']}/`)).text()).toContain(NODE);
  });

  it('the gateway leaves everything else below / as it was: a problem, also for a browser', async () => {
    for (const path of ['/nothing', '/index.html', '/api', '/api/ocloudNotifications/v1/']) {
      const answer = await fetch(`${gateway.url}${path}`, { headers: BROWSER });
      expect([path, answer.status, answer.headers.get('content-type')]).toEqual([
        path,
        404,
        'application/problem+json',
      ]);
    }
  });

  it('the port that takes spans counts no request of a sender, and answers one that goes to the wrong path as before', async () => {
    const spans = ports['ptp-tracing (spans)'] ?? '';
    const counted = async (): Promise<string[]> =>
      (await (await fetch(`${ports['ptp-tracing']}/metrics`)).text())
        .split('\n')
        .filter((line) => line.startsWith('ptp_tracing_requests_total{'));
    const before = await counted();
    await fetch(`${spans}/`, { headers: BROWSER });
    expect(await counted()).toEqual(before);
    const wrong = await fetch(`${spans}/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect([wrong.status, await wrong.json()]).toEqual([
      404,
      { code: 5, message: expect.stringContaining('/v1/traces') },
    ]);
  });
});

describe('the landing page of a gateway with tokens', () => {
  it('is open, says nothing that a role is needed for, and is no request that counts against a limit', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ptp-landing-'));
    const tokens = join(folder, 'tokens.yaml');
    writeFileSync(tokens, JSON.stringify([{ name: 'du-1', token: 'a-token-of-20-letters', roles: ['admin'] }]));
    const broker = await startBroker();
    const gateway = await startTestGateway(broker.url, { API_TOKENS_FILE: tokens, API_RATE: '1' });
    try {
      for (let n = 0; n < 5; n += 1) {
        const answer = await fetch(`${gateway.url}/`, { headers: BROWSER });
        expect(answer.status).toBe(200);
        expect(await answer.text()).not.toMatch(/du-1|a-token|cluster\/node/);
      }
      expect((await fetch(`${gateway.url}/metrics`)).status).toBe(401);
    } finally {
      await gateway.stop();
      await broker.close();
      rmSync(folder, { recursive: true });
    }
  });
});
