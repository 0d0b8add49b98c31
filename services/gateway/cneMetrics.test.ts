import { Registry } from 'prom-client';
import { CneMetrics } from './cneMetrics.js';

describe('cne_* metrics', () => {
  it('have a series for each address, and one for all beyond the first thousand', async () => {
    const registry = new Registry();
    const metrics = new CneMetrics(registry);
    for (let n = 0; n < 1_002; n += 1) metrics.read(`/cluster/node/n${n}/sync/ptp-status/lock-state`);
    metrics.read('/cluster/node/n7/sync/ptp-status/lock-state');
    metrics.read(undefined);
    const text = await registry.metrics();
    expect(text).toContain(
      'cne_transport_events_received{address="/cluster/node/n7/sync/ptp-status/lock-state",status="success"} 2',
    );
    expect(text).toContain('cne_transport_events_received{address="other",status="success"} 2');
    expect(text).toContain('cne_transport_events_received{address="other",status="failed"} 1');
    expect(text.match(/^cne_transport_events_received\{/gm)).toHaveLength(1_002);
  });

  it('say where subscriptions are sent to, without user and password, and how they fare', async () => {
    const registry = new Registry();
    const metrics = new CneMetrics(registry);
    const served = [
      { record: { endpointUri: 'http://User:word@Consumer:9090/event?x=@y' }, isAttached: true },
      { record: { endpointUri: 'HTTP://consumer:9090' }, isAttached: true },
      { record: { endpointUri: 'http://consumer:9090/other' }, isAttached: false },
      { record: { endpointUri: 'https://gone/a@b', disabledAt: 'then' }, isAttached: true },
    ];
    metrics.senders(() => served);
    const lines = async (): Promise<string[]> =>
      (await registry.metrics()).split('\n').filter((line) => line.startsWith('cne_transport_sender{'));
    expect(await lines()).toEqual([
      'cne_transport_sender{address="http://consumer:9090",status="active"} 2',
      'cne_transport_sender{address="http://consumer:9090",status="failed"} 1',
      'cne_transport_sender{address="https://gone",status="active"} 0',
      'cne_transport_sender{address="https://gone",status="failed"} 1',
    ]);
    served.length = 1;
    expect(await lines()).toHaveLength(2);
  });

  it('do not count what was ended by us as a failure of the consumer', async () => {
    const registry = new Registry();
    const metrics = new CneMetrics(registry);
    metrics.attempted('/a', { kind: 'cancelled' });
    metrics.attempted('/a', { kind: 'accepted' });
    metrics.attempted('/a', { kind: 'failed', reason: 'answered 500' });
    metrics.settled('/a', 'retried');
    metrics.settled('/a', 'too_old');
    const text = await registry.metrics();
    for (const name of ['cne_events_received', 'cne_events_ack']) {
      expect(text).toContain(`${name}{type="/a",status="success"} 1`);
      expect(text).toContain(`${name}{type="/a",status="failed"} 1`);
    }
  });
});
