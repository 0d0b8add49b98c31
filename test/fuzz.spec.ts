import { connect } from 'node:net';
import fc from 'fast-check';
import { startBroker, type Broker } from './support/broker.js';
import { startTestGateway, type Gateway } from './support/services.js';

const BASE = '/api/ocloudNotifications/v1';
const ROUTES = [
  '/subscriptions',
  '/subscriptions/',
  '/subscriptions/x',
  '/subscriptions/status/x',
  '/subscriptions/x/deadletters',
  '/publishers',
  '/publishers/x',
  '/create/event',
  '/health',
  '/cluster/node/n1/sync/ptp-status/lock-state/CurrentState',
  '/cluster/node/n1/sync/CurrentState',
  '/log',
  '/dummy',
];

const method = fc.oneof(
  fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'TRACE'),
  fc.stringMatching(/^[A-Z]{1,10}$/),
);
const path = fc.oneof(
  fc.constantFrom(...ROUTES).map((route) => `${BASE}${route}`),
  fc.constantFrom('/', '/metrics', '/livez', '/readyz', '/openapi.json', BASE),
  fc.string({ maxLength: 60 }).map((text) => `${BASE}/${encodeURIComponent(text)}/CurrentState`),
  // Anything a request line can carry.
  fc.stringMatching(/^[!-~]{0,80}$/).map((text) => `/${text}`),
);
const text = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.constantFrom(
    'http://127.0.0.1:1/',
    '/cluster/node/*/sync',
    '/cluster/node/n1/sync/ptp-status/lock-state',
    '.',
    'both',
  ),
);
const body = fc.oneof(
  fc.constant(''),
  fc.string({ maxLength: 200 }),
  fc.json(),
  fc
    .record(
      {
        resource: fc.oneof(text, fc.jsonValue()),
        endpointUri: fc.oneof(text, fc.jsonValue()),
        ResourceAddress: text,
        EndpointUri: text,
        dataVersion: fc.oneof(text, fc.jsonValue()),
        secret: fc.oneof(text, fc.jsonValue()),
        id: fc.jsonValue(),
        data: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    .map((value) => JSON.stringify(value)),
);
const headers = fc.record({
  type: fc.constantFrom('application/json', 'text/plain', '', 'application/json; charset=nonsense', '\u00ff'),
  more: fc.array(fc.tuple(fc.stringMatching(/^[A-Za-z-]{1,20}$/), fc.stringMatching(/^[ -~]{0,40}$/)), {
    maxLength: 5,
  }),
  length: fc.oneof(
    { weight: 5, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom('0', '3', '-1', 'x', '99') },
  ),
});

describe('the API', () => {
  let broker: Broker;
  let gateway: Gateway;

  beforeAll(async () => {
    broker = await startBroker();
    gateway = await startTestGateway(broker.url, { PUBLISHER_API: 'enabled' });
  });
  afterAll(async () => {
    await gateway.stop();
    await broker.close();
  });

  it('answers no request, however strange, with a 5xx but the documented 503, and lives on', async () => {
    await fc.assert(
      fc.asyncProperty(method, path, body, headers, async (verb, target, content, { type, more, length }) => {
        const lines = [
          `${verb} ${target} HTTP/1.1`,
          'host: gateway',
          'connection: close',
          `content-type: ${type}`,
          `content-length: ${length ?? Buffer.byteLength(content)}`,
          ...more.map(([name, value]) => `x-${name}: ${value}`),
        ];
        const answer = await send(gateway.url, `${lines.join('\r\n')}\r\n\r\n${content}`);
        const status = Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1] ?? 0);
        // Nothing at all: the connection was closed on a request that ended early.
        if (status >= 500) expect(`${status} for ${verb} ${target}`).toMatch(/^503/);
      }),
      { numRuns: 1_500 },
    );
    expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
    expect(gateway.deps.failures).toEqual([]);
  }, 120_000);
});

/** Sends bytes and gives what comes back until the connection is closed. */
function send(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => socket.end(bytes, 'latin1'));
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    socket.on('error', () => resolve(answer));
    socket.on('close', () => resolve(answer));
  });
}
