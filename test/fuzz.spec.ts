import { connect } from 'node:net';
import fc from 'fast-check';
import { startBroker, type Broker } from './support/broker.js';
import { startTestGateway, type Gateway } from './support/services.js';

const BASE = '/api/ocloudNotifications/v1';
const RESOURCE = '/cluster/node/n1/sync/ptp-status/lock-state';

const segment = fc.oneof(
  fc.constantFrom('subscriptions', 'publishers', 'status', 'create', 'event', 'health', 'CurrentState', 'deadletters'),
  fc.constantFrom('cluster', 'node', '.', '..', '*', '>', '%00', '%2F', '%E0%A4%A', '', 'n1', '🕰', 'x'.repeat(9_000)),
  fc.string({ maxLength: 20 }),
);
const path = fc.oneof(
  fc.constantFrom(
    '/subscriptions',
    '/subscriptions/x',
    '/subscriptions/status/x',
    '/subscriptions/x/deadletters',
    '/publishers',
    '/publishers/x',
    '/create/event',
    `${RESOURCE}/CurrentState`,
    '/metrics',
    '/openapi.json',
  ),
  fc.array(segment, { maxLength: 7 }).map((segments) => `/${segments.join('/')}`),
);
const target = fc
  .tuple(fc.constantFrom(BASE, BASE, BASE, '', '*', 'http://elsewhere', '?'), path, fc.string({ maxLength: 10 }))
  .map(([base, rest, query]) => `${base}${rest}${query === '' ? '' : `?all=${query}`}`)
  .chain((text) => fc.oneof(fc.constant(text), fc.mixedCase(fc.constant(text))));

const member = fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.constantFrom(RESOURCE, 'http://127.0.0.1:1/', 'whsec_AAAA'));
const body = fc.oneof(
  fc
    .record(
      {
        resource: member,
        ResourceAddress: member,
        endpointUri: member,
        EndpointUri: member,
        dataVersion: member,
        secret: member,
        id: member,
        type: member,
        time: member,
        data: member,
      },
      { requiredKeys: [] },
    )
    .map((value) => JSON.stringify(value)),
  fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.stringify(value)),
  fc.string({ maxLength: 200 }),
  fc.constant('[['.repeat(8_000)),
);
const header = fc.tuple(
  fc.constantFrom(
    'content-type',
    'content-type',
    'authorization',
    'host',
    'accept',
    'x-forwarded-for',
    'cookie',
    'expect',
  ),
  fc.oneof(
    fc.constantFrom('application/json', 'Bearer x', '100-continue', 'text/plain;;', ''),
    fc.string({ maxLength: 30 }),
  ),
);
const request = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'TRACE', 'BREW'),
  target,
  headers: fc.array(header, { maxLength: 4 }),
  body,
});
type Fuzzed = typeof request extends fc.Arbitrary<infer T> ? T : never;

describe('the API', () => {
  let broker: Broker;
  let gateway: Gateway;

  beforeAll(async () => {
    broker = await startBroker();
    gateway = await startTestGateway(broker.url, { PUBLISHER_API: 'enabled', NODE_NAME: 'n1' });
  });
  afterAll(async () => {
    await gateway.stop();
    await broker.close();
  });

  it('answers whatever it is sent, and never with a fault of its own', async () => {
    const errors = jest.spyOn(gateway.deps.log, 'error');
    await fc.assert(
      fc.asyncProperty(request, async (fuzzed) => {
        const status = await sent(gateway.url, fuzzed);
        if (status !== undefined && status >= 500) throw new Error(`answered ${status}`);
      }),
      { numRuns: 5_000 },
    );
    expect(errors.mock.calls).toEqual([]);
    expect(gateway.deps.failures).toEqual([]);
    expect((await fetch(`${gateway.api}/health`)).status).toBe(200);
  });
});

/** Sends a request as it is, and gives the status; undefined when the connection was closed without one. */
function sent(base: string, { method, target: to, headers, body: text }: Fuzzed): Promise<number | undefined> {
  const { hostname, port } = new URL(base);
  const bytes = Buffer.from(text);
  const lines = [
    `${method} ${to.replaceAll(/\s/g, '%20')} HTTP/1.1`,
    ...headers.map(([name, value]) => `${name}: ${value.replaceAll(/[\r\n]/g, ' ')}`),
    ...(headers.some(([name]) => name === 'host') ? [] : ['host: gateway']),
    `content-length: ${bytes.length}`,
    'connection: close',
  ];
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), bytes]));
    });
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      // After "100 Continue" comes the answer itself.
      const status = /^HTTP\/1\.1 (\d{3})/m.exec(answer.replace(/^HTTP\/1\.1 100 [^]*?\r\n\r\n/, ''))?.[1];
      resolve(status === undefined ? undefined : Number(status));
    });
  });
}
