import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openapi } from '../services/shared/contract/openapi-v1.js';
import { startBroker, type Broker } from './support/broker.js';
import { startTestGateway, type Gateway } from './support/services.js';

const BASE = '/api/ocloudNotifications/v1';
const RESOURCE = 'cluster/node/n1/sync/ptp-status/lock-state';
const TOKEN = 'admin-token-admin-token-0';
const METHODS = ['get', 'post', 'put', 'delete'];
/** All that is answered without a token; `/openapi.json` counts by address. */
const OPEN = [`GET ${BASE}/health`, 'GET /health', 'GET /livez', 'GET /readyz', 'GET /openapi.json'];

interface Route {
  method: string;
  path: string;
}

/** Every route of the contract, with something in the place of its parameters. */
const ROUTES: Route[] = Object.entries((openapi as { paths: Record<string, Record<string, unknown>> }).paths).flatMap(
  ([path, operations]) => {
    const bases = (operations['servers'] as { url: string }[] | undefined)?.map(({ url }) => url) ?? [BASE];
    const filled = path.replace('{resource}', RESOURCE).replace('{id}', '7d444840-9dc0-5d5b-8d5e-0242ac130003');
    return METHODS.filter((method) => operations[method] !== undefined).flatMap((method) =>
      bases.map((base) => ({ method: method.toUpperCase(), path: `${base === '/' ? '' : base}${filled}` })),
    );
  },
);
const isOpen = ({ method, path }: Route): boolean => OPEN.includes(`${method} ${path}`);
const GUARDED = ROUTES.filter((route) => !isOpen(route));

const everyCharacter = (path: string): string =>
  path.replaceAll(/[A-Za-z]/g, (letter) => `%${letter.charCodeAt(0).toString(16)}`);
const alternating = (path: string): string =>
  path.replaceAll(/[a-z]/gi, (letter, at: number) => (at % 2 === 0 ? letter.toUpperCase() : letter.toLowerCase()));
const ofTheBase = (path: string, spell: (base: string) => string): string =>
  path.startsWith(BASE) ? spell(BASE) + path.slice(BASE.length) : path;

/** Ways to write a path that mean the same. */
const SAME: [string, (path: string) => string][] = [
  ['as it is', (path) => path],
  ['the base in lower case', (path) => ofTheBase(path, (base) => base.toLowerCase())],
  ['the base in upper case', (path) => ofTheBase(path, (base) => base.toUpperCase())],
  ['the base in any case', (path) => ofTheBase(path, alternating)],
  ['a trailing slash', (path) => `${path}/`],
  ['trailing slashes', (path) => `${path}///`],
  ['doubled slashes', (path) => path.replaceAll('/', '//')],
  ['percent-encoded letters', everyCharacter],
  ['percent-encoded slashes', (path) => `/${path.slice(1).replaceAll('/', '%2F')}`],
  ['dots', (path) => path.replaceAll('/', '/./')],
  ['encoded dots', (path) => path.replaceAll('/', '/%2e/')],
  ['a query', (path) => `${path}?a=%2F&b=//c`],
  ['a fragment', (path) => `${path}#/health`],
  ['an authority', (path) => `http://elsewhere${path}`],
  ['an authority in any case', (path) => `HTTP://Elsewhere${ofTheBase(path, alternating)}`],
  [
    'all of it',
    (path) => `//${ofTheBase(path, (base) => everyCharacter(alternating(base))).replaceAll('/', '/.//')}/?x`,
  ],
];
/** Ways that may mean something else, and must not lead past anything. */
const OTHER: [string, (path: string) => string][] = [
  ['all in upper case', (path) => path.toUpperCase()],
  ['all in any case', alternating],
  ['parent segments', (path) => `${BASE}/health/..${path.slice(BASE.length)}`],
  ['the open route before it', (path) => `/health/..${path}`],
  ['an encoded null', (path) => `${path}%00`],
  ['an impossible encoding', (path) => `${path}%E0%A4%A`],
  ['backslashes', (path) => `/${path.slice(1).replaceAll('/', '\\')}`],
  ['a parameter', (path) => `${path};x=/health`],
  ['an encoded question mark', (path) => `${path}%3F/health`],
  ['twice encoded', (path) => `/${path.slice(1).replaceAll('/', '%252F')}`],
];

describe('every route, however it is spelt', () => {
  let dir: string;
  let broker: Broker;
  let gateway: Gateway;
  let slow: Gateway;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'ptp-spellings-'));
    const file = join(dir, 'tokens.yaml');
    writeFileSync(file, JSON.stringify([{ name: 'admin', token: TOKEN, roles: ['admin'] }]));
    broker = await startBroker();
    const vars = { API_TOKENS_FILE: file, PUBLISHER_API: 'enabled' };
    gateway = await startTestGateway(broker.url, vars);
    slow = await startTestGateway(broker.url, { ...vars, GATEWAY_SCOPE: 'slow', API_RATE: '1' });
  });
  afterAll(async () => {
    await gateway.stop();
    await slow.stop();
    await broker.close();
    rmSync(dir, { recursive: true });
  });

  it('is one of a list that is complete', () => {
    expect(GUARDED.length).toBeGreaterThan(12);
    expect(ROUTES.filter(isOpen)).toHaveLength(OPEN.length);
  });

  it.each([...SAME, ...OTHER])('is not served to who does not show who it is: %s', async (_, spell) => {
    const errors = jest.spyOn(gateway.deps.log, 'error');
    for (const { method, path } of GUARDED) {
      const to = spell(path);
      const { status, head } = await send(gateway.url, method, to);
      expect([method, to, status]).toEqual([method, to, 401]);
      expect(head).toMatch(/^www-authenticate: Bearer/im);
    }
    expect(errors.mock.calls).toEqual([]);
  });

  it.each(SAME)('answers as it does in the contract’s own spelling: %s', async (_, spell) => {
    for (const { method, path } of ROUTES) {
      const expected = await send(gateway.url, method, path, TOKEN);
      const { status } = await send(gateway.url, method, spell(path), TOKEN);
      expect([method, spell(path), status]).toEqual([method, spell(path), expected.status]);
      expect(status).toBeLessThan(500);
    }
  });

  it.each(OTHER)('is never answered with a fault of ours: %s', async (_, spell) => {
    for (const { method, path } of ROUTES) {
      const { status } = await send(gateway.url, method, spell(path), TOKEN);
      expect([method, spell(path), status < 500]).toEqual([method, spell(path), true]);
    }
  });

  it.each(SAME)('counts for the rate: %s', async (_, spell) => {
    const limited = [...GUARDED, { method: 'GET', path: '/openapi.json' }];
    for (const { method, path } of limited) {
      // One a second passes: of four at once, two at most.
      const sent = Array.from({ length: 4 }, () => send(slow.url, method, spell(path)));
      const statuses = (await Promise.all(sent)).map(({ status }) => status);
      expect([method, spell(path), statuses.includes(429)]).toEqual([method, spell(path), true]);
    }
  });
});

/** A request whose target is sent as it is. */
function send(base: string, method: string, target: string, token?: string): Promise<{ status: number; head: string }> {
  const { hostname, port } = new URL(base);
  const lines = [
    `${method} ${target} HTTP/1.1`,
    `host: ${hostname}`,
    ...(token === undefined ? [] : [`authorization: Bearer ${token}`]),
    'content-length: 0',
    'connection: close',
  ];
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(`${lines.join('\r\n')}\r\n\r\n`));
    let head = '';
    socket.on('data', (chunk) => (head += chunk.toString('latin1')));
    socket.on('error', reject);
    socket.on('close', () => resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), head }));
  });
}
