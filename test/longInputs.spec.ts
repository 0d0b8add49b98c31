import { startBroker, type Broker } from './support/broker.js';
import { startTestGateway, subscribe, type Gateway } from './support/services.js';

const LONG = 'x'.repeat(3_000);

describe('an error about a long input', () => {
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

  const lockState = '/cluster/node/n1/sync/ptp-status/lock-state';
  const send = (path: string, method = 'GET', headers = {}, body?: string): Promise<Response> =>
    fetch(`${gateway.api}${path}`, { method, headers, ...(body !== undefined && { body }) });
  const json = { 'content-type': 'application/json' };

  it.each<[string, () => Promise<Response>]>([
    ['a route', () => send(`/${LONG}`)],
    ['a subscription', () => send(`/subscriptions/${LONG}`)],
    ['a subscription to delete', () => send(`/subscriptions/${LONG}`, 'DELETE')],
    ['a subscription to ping', () => send(`/subscriptions/status/${LONG}`, 'PUT')],
    ['a publisher', () => send(`/publishers/${LONG}`)],
    ['a resource', () => send(`/${LONG}/CurrentState`)],
    ['a node', () => send(`/cluster/node/${LONG}/sync/ptp-status/lock-state/CurrentState`)],
    ['what a node does not have', () => send(`/cluster/node/n1/${LONG}/CurrentState`)],
    ['a node and what it does not have', () => send(`/cluster/node/${LONG}/${LONG}/CurrentState`)],
    ['a bad percent-encoding', () => send(`/subscriptions/%ff${LONG}`)],
    ['a content type', () => send('/subscriptions', 'POST', { 'content-type': `text/${LONG}` }, '{}')],
    ['a body', () => send('/subscriptions', 'POST', json, `{"resource": ${LONG}`)],
    ['the resource of a subscription', () => subscribe(gateway.api, `/${LONG.slice(0, 1_000)}`, 'http://127.0.0.1:1/')],
    ['an endpoint', () => subscribe(gateway.api, lockState, LONG.slice(0, 1_000))],
    ['a scheme', () => subscribe(gateway.api, lockState, `${LONG.slice(0, 1_000)}://a/`)],
    ['an endpoint that refuses', () => subscribe(gateway.api, lockState, `http://127.0.0.1:1/${LONG.slice(0, 1_000)}`)],
  ])('repeats only the beginning: %s', async (_, ask) => {
    const answer = await ask();
    const text = await answer.text();
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(text).toContain('"detail"');
    expect(text).not.toContain('x'.repeat(101));
  });
});
