import { Consumer } from '../consumerProcess.js';
import { burstRate } from '../delays.js';
import { Daemon } from '../lines.js';
import { inTurn, type Scenario } from '../scenario.js';
import { Floor, LOCK_STATE, measured, NODE, Services, settled, type System } from '../systems.js';

const LINES = 4_000;
const WARM_UP_BURSTS = 2;

export const burstScenario: Scenario = {
  name: 'burst',
  what: `${LINES} lines at once through one resource to one subscription, in order; two events a line`,
  rounds: 5,
  async open() {
    const consumer = await Consumer.start();
    const services = await Services.start();
    const floor = await Floor.start(consumer.url);
    await services.subscribe(`/cluster/node/${NODE}${LOCK_STATE}`, consumer.url);
    const side = async (system: System) => {
      const daemon = await Daemon.connect(system.socket);
      const run = async () => {
        const burst = await measured(system.programs, LINES, () => burstRate(daemon, consumer, LINES));
        await settled(system.programs);
        return burst;
      };
      for (let i = 0; i < WARM_UP_BURSTS; i += 1) await run();
      return run;
    };
    const [ours, least] = [await side(services), await side(floor)];
    return {
      async round(n) {
        const both = await inTurn(n, ours, least);
        return [
          {
            name: 'events delivered',
            unit: '/s',
            value: both.ours.result,
            floor: both.floor.result,
            cpuUs: both.ours.cpuUs,
            floorCpuUs: both.floor.cpuUs,
          },
        ];
      },
      async close() {
        await Promise.all([services.end(), floor.end()]);
        await consumer.end();
      },
    };
  },
};
