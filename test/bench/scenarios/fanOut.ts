import { firstMs, lastMs } from '../delays.js';
import { message, publish } from '../events.js';
import { startGatewayAlone, subscribeAll } from '../gatewayAlone.js';
import { inTurn, type Figure, type Scenario } from '../scenario.js';
import { LOCK_STATE, measured, settled } from '../systems.js';
import { monotonicMs } from '../waiting.js';

const SIZES = [1, 100, 1_000, 10_000];
const REPEATS = 3;

export const fanOutScenario: Scenario = {
  name: 'fan-out',
  what: `one event to ${SIZES.join(' / ')} subscriptions: published to its first and last delivery; floor: as many plain POSTs`,
  rounds: 3,
  async open() {
    const { services, consumer, js, poster, close } = await startGatewayAlone();
    const gateway = services.program('gateway');
    // One node for each size, so that every event has so many subscriptions.
    for (const size of SIZES) {
      await subscribeAll(
        services,
        Array.from({ length: size }, (_, i) => ({
          resource: `/cluster/node/fan-${size}${LOCK_STATE}`,
          endpointUri: `${consumer.url}/${i}`,
        })),
      );
    }
    let sequence = 1;
    const fanOut = async (size: number) => {
      await consumer.reset();
      const events = [message(`fan-${size}`, (sequence += 1))];
      const { result, cpuUs } = await measured([gateway], size, async () => {
        const startedMs = monotonicMs();
        await publish(js, events);
        const { events: arrived } = await consumer.arrived(size);
        return { firstMs: firstMs(arrived) - startedMs, lastMs: lastMs(arrived) - startedMs };
      });
      return { ...result, cpuUs };
    };
    for (const size of SIZES) await fanOut(size);
    return {
      async round(n) {
        const figures: Figure[] = [];
        for (const size of SIZES) {
          // The best of some: a single event is soon disturbed.
          const best = async (
            run: () => Promise<{ firstMs: number; lastMs: number; cpuUs: Record<string, number> }>,
          ) => {
            const runs = [];
            for (let i = 0; i < REPEATS; i += 1) {
              runs.push(await run());
              await settled([gateway]);
            }
            return runs.reduce((a, b) => (a.lastMs <= b.lastMs ? a : b));
          };
          const both = await inTurn(
            n,
            () => best(() => fanOut(size)),
            () => best(() => poster.post(size)),
          );
          figures.push(
            { name: `${size}, first`, unit: 'ms', value: both.ours.firstMs, floor: both.floor.firstMs },
            {
              name: `${size}, last`,
              unit: 'ms',
              value: both.ours.lastMs,
              floor: both.floor.lastMs,
              cpuUs: both.ours.cpuUs,
              floorCpuUs: both.floor.cpuUs,
            },
          );
        }
        return figures;
      },
      close,
    };
  },
};
