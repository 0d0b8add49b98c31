import { checkOrder, lastMs } from '../delays.js';
import { messagesOf, publish } from '../events.js';
import { startGatewayAlone, subscribeAll, unsubscribeAll } from '../gatewayAlone.js';
import { inTurn, type Figure, type OpenScenario, type Scenario } from '../scenario.js';
import { LOCK_STATE, measured, settled } from '../systems.js';
import { monotonicMs } from '../waiting.js';

const NODES = 10_000;
const EACH = 3;
const EVENTS = NODES * EACH;
/** How long the gateway is stopped while a storm comes. */
const STOPPED_MS = 10_000;
const PROBE_MS = 10;

const nodes = Array.from({ length: NODES }, (_, i) => `n${i}`);

/** The gateway is stopped while the events are published, and goes on: how fast it posts, whatever the broker does. */
async function open(
  subscribe: (url: string) => { resource: string; endpointUri: string }[],
  name: string,
): Promise<OpenScenario> {
  const { services, consumer, js, poster, close } = await startGatewayAlone();
  await subscribeAll(services, subscribe(consumer.url));
  const gateway = services.program('gateway');
  let next = 1;
  const storm = async (
    stoppedMs = 0,
  ): Promise<{ perSecond: number; cpuUs: Record<string, number>; pauseMs: number }> => {
    await consumer.reset();
    const stoppedAtMs = monotonicMs();
    gateway.signal('SIGSTOP');
    await publish(js, messagesOf(nodes, next, EACH));
    next += EACH;
    await pauseUntil(stoppedAtMs + stoppedMs);
    const startedMs = monotonicMs();
    gateway.signal('SIGCONT');
    const probe = longestPause(`${services.url('gateway')}/livez`);
    const { result, cpuUs } = await measured([gateway], EVENTS, () => consumer.arrived(EVENTS));
    const pauseMs = await probe();
    checkOrder(result.disorder);
    await settled(services.programs);
    return { perSecond: EVENTS / ((lastMs(result.events) - startedMs) / 1_000), cpuUs, pauseMs };
  };
  await storm();
  return {
    async round(n): Promise<Figure[]> {
      const both = await inTurn<{ perSecond: number; cpuUs: Record<string, number>; pauseMs?: number }>(n, storm, () =>
        poster.post(EVENTS),
      );
      const { pauseMs } = await storm(STOPPED_MS);
      return [
        {
          name: `${name}, deliveries`,
          unit: '/s',
          value: both.ours.perSecond,
          floor: both.floor.perSecond,
          cpuUs: both.ours.cpuUs,
          floorCpuUs: both.floor.cpuUs,
        },
        { name: `${name}, longest pause after a stop of 10 s`, unit: 'ms', value: pauseMs },
      ];
    },
    async close() {
      await unsubscribeAll(services);
      await close();
    },
  };
}

const pauseUntil = (atMs: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, Math.max(0, atMs - monotonicMs())));

/**
 * Asks a service for its health again and again. Gives how to end that, with the longest answer in ms; the first one, which
 * waits while the service is woken, does not count.
 */
function longestPause(url: string): () => Promise<number> {
  let isEnded = false;
  const run = async (): Promise<number> => {
    let longest = 0;
    for (let i = 0; !isEnded; i += 1) {
      const fromMs = performance.now();
      await (await fetch(url)).arrayBuffer();
      if (i > 0) longest = Math.max(longest, performance.now() - fromMs);
      await pauseUntil(monotonicMs() + PROBE_MS);
    }
    return longest;
  };
  const probing = run();
  return () => {
    isEnded = true;
    return probing;
  };
}

export const stormScenario: Scenario = {
  name: 'storm',
  what: `${EVENTS} events over ${NODES} nodes that wait in the log, one subscription; floor: plain POSTs, 16 connections`,
  rounds: 3,
  open: () => open((endpointUri) => [{ resource: `/cluster/node/*${LOCK_STATE}`, endpointUri }], 'one subscription'),
};

export const stormPerNodeScenario: Scenario = {
  name: 'storm-per-node',
  what: `the same with ${NODES} subscriptions, one for each node`,
  rounds: 3,
  open: () =>
    open(
      (endpointUri) => nodes.map((node) => ({ resource: `/cluster/node/${node}${LOCK_STATE}`, endpointUri })),
      'one subscription per node',
    ),
};
