import { startBroker, type Broker } from './support/broker.js';
import { startConsumer, type Consumer } from './support/consumer.js';
import { eventually } from './support/eventually.js';
import { freePort } from './support/ports.js';
import { startPublisher, type Publisher } from './support/publisher.js';
import { spawnGateway, startTestGateway, subscribe, type Gateway } from './support/services.js';

const LOCK_STATE = '/sync/ptp-status/lock-state';

/** Offsets of the accepted events, repeats (same id) dropped. */
function offsets(consumer: Consumer, node?: string): number[] {
  const seen = new Set<string>();
  return consumer.accepted
    .filter(({ event }) => node === undefined || event.source.startsWith(`/cluster/node/${node}/`))
    .filter(({ event }) => !seen.has(event.id) && seen.add(event.id))
    .map(({ event }) => Number(event.data.values[1]?.value));
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

const savesOf = async ({ deps }: Gateway): Promise<number> =>
  (await deps.registry.getSingleMetric('ptp_gateway_cursor_saves_total')?.get())?.values[0]?.value ?? 0;

describe('delivery', () => {
  let broker: Broker;
  let consumer: Consumer;
  let publisher: Publisher;

  beforeEach(async () => {
    broker = await startBroker();
    consumer = await startConsumer();
    publisher = await startPublisher(broker.url);
  });
  afterEach(async () => {
    await publisher.close();
    await consumer.close();
    await broker.close();
  });

  it('gives a consumer that was down its events when it is back: all, in order, once', async () => {
    const gateway = await startTestGateway(broker.url);
    try {
      expect((await subscribe(gateway.api, `/cluster/node/n1${LOCK_STATE}`, consumer.url)).status).toBe(201);
      await consumer.goAway();
      // More than a lane holds, so that the rest comes from the log.
      for (const offset of upTo(60)) await publisher.lockState('n1', 'LOCKED', offset);

      await consumer.comeBack();
      await publisher.lockState('n1', 'FREERUN', 61);

      await eventually(() => offsets(consumer).includes(61));
      expect(offsets(consumer)).toEqual(upTo(61));
      expect(consumer.accepted).toHaveLength(61);
    } finally {
      await gateway.stop();
    }
  });

  it('tries again after every answer but 2xx, with the same id and a rising attempt number, and keeps the order', async () => {
    const gateway = await startTestGateway(broker.url);
    try {
      await subscribe(gateway.api, `/cluster/node/n1${LOCK_STATE}`, consumer.url);
      const answers = [500, 302, 429, 204];
      consumer.answer((res) => void res.writeHead(answers[Math.min(consumer.received.length, 4) - 1] ?? 204).end());
      const first = await publisher.lockState('n1', 'LOCKED', 1);
      await publisher.lockState('n1', 'FREERUN', 2);

      await eventually(() => consumer.received.length >= 5);

      expect(consumer.received.map(({ event }) => Number(event.data.values[1]?.value))).toEqual([1, 1, 1, 1, 2]);
      expect(consumer.received.map(({ headers }) => headers['ptp-attempt'])).toEqual(['1', '2', '3', '4', '1']);
      expect(new Set(consumer.received.slice(0, 4).map(({ event }) => event.id))).toEqual(new Set([first.id]));
    } finally {
      await gateway.stop();
    }
  });

  it('does not let a consumer that hangs delay another', async () => {
    const gateway = await startTestGateway(broker.url);
    const hanging = await startConsumer();
    try {
      await subscribe(gateway.api, '/cluster/node/*/sync', hanging.url);
      await subscribe(gateway.api, '/cluster/node/*/sync', consumer.url);
      const open: unknown[] = [];
      hanging.answer((res) => void open.push(res));
      for (const offset of upTo(20)) await publisher.lockState(`n${offset % 5}`, 'LOCKED', offset);

      await eventually(() => offsets(consumer).length === 20);

      expect(hanging.accepted).toHaveLength(0);
      // One subscription has at most eight attempts running.
      expect(open.length).toBeGreaterThan(0);
      expect(open.length).toBeLessThanOrEqual(8);
    } finally {
      await hanging.close();
      await gateway.stop();
    }
  });

  it('repeats nothing and loses nothing over a graceful restart of the gateway', async () => {
    const first = await startTestGateway(broker.url);
    await subscribe(first.api, `/cluster/node/n1${LOCK_STATE}`, consumer.url);
    for (const offset of upTo(10)) await publisher.lockState('n1', 'LOCKED', offset);
    await eventually(() => offsets(consumer).includes(10));
    await first.stop();
    for (const offset of upTo(5)) await publisher.lockState('n1', 'LOCKED', 10 + offset);

    const second = await startTestGateway(broker.url);
    try {
      await eventually(() => offsets(consumer).includes(15));
      expect(consumer.accepted).toHaveLength(15);
      expect(offsets(consumer)).toEqual(upTo(15));
    } finally {
      await second.stop();
    }
  });

  it('remembers over a restart what a consumer that is down has not got, while others go on', async () => {
    const first = await startTestGateway(broker.url);
    const healthy = await startConsumer();
    try {
      await subscribe(first.api, '/cluster/node/*/sync', consumer.url);
      await subscribe(first.api, '/cluster/node/*/sync', healthy.url);
      await publisher.lockState('n1', 'LOCKED', 1);
      await eventually(() => offsets(consumer).length === 1);
      await consumer.goAway();
      for (const offset of upTo(30)) await publisher.lockState(`n${offset % 3}`, 'LOCKED', 1 + offset);
      await eventually(() => offsets(healthy).length === 31);
      await first.stop();

      const second = await startTestGateway(broker.url);
      try {
        await consumer.comeBack();
        await eventually(() => offsets(consumer).length === 31);
        for (const node of ['n0', 'n1', 'n2']) expect(offsets(consumer, node)).toEqual(offsets(healthy, node));
        expect(consumer.accepted).toHaveLength(31);
        expect(healthy.accepted).toHaveLength(31);
      } finally {
        await second.stop();
      }
    } finally {
      await healthy.close();
    }
  });

  it('misses nothing and keeps the order when the gateway is killed in the middle of a stream of events', async () => {
    const port = await freePort();
    let gateway = await spawnGateway(broker.url, port);
    expect((await subscribe(gateway.api, '/cluster/node/*/sync', consumer.url)).status).toBe(201);
    const publishing = (async () => {
      for (const offset of upTo(600)) await publisher.lockState(`n${offset % 4}`, 'LOCKED', offset);
    })();

    for (const enough of [100, 300]) {
      await eventually(() => offsets(consumer).length >= enough);
      await gateway.kill('SIGKILL');
      gateway = await spawnGateway(broker.url, port);
    }
    await publishing;
    await eventually(() => offsets(consumer).length === 600);
    expect(await gateway.kill('SIGTERM')).toBe(0);

    for (const n of [0, 1, 2, 3]) {
      expect(offsets(consumer, `n${n}`)).toEqual(upTo(600).filter((offset) => offset % 4 === n));
    }
  });

  it('goes on after the broker was killed and started again', async () => {
    const gateway = await startTestGateway(broker.url);
    try {
      await subscribe(gateway.api, `/cluster/node/n1${LOCK_STATE}`, consumer.url);
      await publisher.lockState('n1', 'LOCKED', 1);
      await eventually(() => offsets(consumer).includes(1));

      await broker.restart();
      await publisher.lockState('n1', 'FREERUN', 2);
      await eventually(() => offsets(consumer).includes(2));

      broker.pause();
      const paused = await fetch(`${gateway.url}/health`);
      broker.resume();
      expect(paused.status).toBe(200);
      await publisher.lockState('n1', 'LOCKED', 3);
      await eventually(() => offsets(consumer).includes(3));
      expect(offsets(consumer)).toEqual([1, 2, 3]);
      expect(gateway.deps.failures).toEqual([]);
    } finally {
      await gateway.stop();
    }
  });

  it('passes over what is no event, counts it, and delivers what comes next', async () => {
    const gateway = await startTestGateway(broker.url);
    try {
      await subscribe(gateway.api, '/cluster/node/*/sync', consumer.url);
      await publisher.raw('ptp.events.n1.sync.ptp-status.lock-state', 'garbage');
      await publisher.raw('ptp.events.n1.sync.ptp-status.lock-state', '{"specversion":"1.0"}');
      await publisher.raw('ptp.events.n1', '{}');
      await publisher.lockState('n1', 'LOCKED', 1);

      await eventually(() => offsets(consumer).includes(1));

      expect(consumer.received).toHaveLength(1);
      expect(await (await fetch(`${gateway.url}/metrics`)).text()).toContain('ptp_gateway_bad_messages_total 3');
    } finally {
      await gateway.stop();
    }
  });

  it('says that events are missing when the log has lost them while the gateway was away', async () => {
    const first = await startTestGateway(broker.url);
    await subscribe(first.api, `/cluster/node/n1${LOCK_STATE}`, consumer.url);
    await publisher.lockState('n1', 'LOCKED', 1);
    await eventually(() => offsets(consumer).includes(1));
    await first.stop();
    for (const offset of [2, 3, 4]) await publisher.lockState('n1', 'LOCKED', offset);
    await publisher.forgetAllBut(1);

    const second = await startTestGateway(broker.url);
    try {
      await eventually(() => offsets(consumer).includes(4));
      expect(offsets(consumer)).toEqual([1, 4]);
      expect(consumer.accepted.at(-1)?.headers['ptp-missed-events']).toBe('unknown');
    } finally {
      await second.stop();
    }
  });

  it('starts again at the beginning when the log was replaced', async () => {
    const gateway = await startTestGateway(broker.url);
    try {
      await subscribe(gateway.api, '/cluster/node/*/sync', consumer.url);
      for (const offset of upTo(5)) await publisher.lockState('n1', 'LOCKED', offset);
      await eventually(() => offsets(consumer).length === 5);

      await publisher.replaceLog();
      await publisher.lockState('n1', 'FREERUN', 6);

      await eventually(() => offsets(consumer).includes(6));
      expect(offsets(consumer)).toEqual(upTo(6));
    } finally {
      await gateway.stop();
    }
  });

  it('ends when another gateway takes its scope, also while nothing happens, and the other goes on', async () => {
    const first = await startTestGateway(broker.url);
    const second = await startTestGateway(broker.url);
    try {
      const failed = await eventually(() => first.deps.failures[0], 5_000);
      expect(failed.message).toMatch(/another gateway serves cluster\.0/);
      await first.stop();

      await subscribe(second.api, '/cluster/node/*/sync', consumer.url);
      const saves = await savesOf(second);
      await publisher.lockState('n1', 'LOCKED', 1);
      await eventually(() => offsets(consumer).length === 1);
      await eventually(async () => (await savesOf(second)) > saves);
      expect(second.deps.failures).toEqual([]);
    } finally {
      await first.stop();
      await second.stop();
    }
  });

  it('refuses to share a scope with another gateway', async () => {
    const first = await startTestGateway(broker.url);
    const second = await startTestGateway(broker.url);
    try {
      await subscribe(second.api, '/cluster/node/*/sync', consumer.url);
      const failed = await eventually(async () => {
        await publisher.lockState('n1', 'LOCKED', 1);
        return first.deps.failures[0] ?? second.deps.failures[0];
      });
      expect(failed.message).toMatch(/another gateway serves cluster\.0/);
    } finally {
      await first.stop();
      await second.stop();
    }
  });
});
