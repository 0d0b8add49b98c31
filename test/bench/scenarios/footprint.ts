import { setTimeout as pause } from 'node:timers/promises';
import { Consumer } from '../consumerProcess.js';
import { burstRate } from '../delays.js';
import { subscribeAll } from '../gatewayAlone.js';
import { Daemon } from '../lines.js';
import type { Program } from '../programs.js';
import type { Figure, Scenario } from '../scenario.js';
import { LOCK_STATE, NODE, Services } from '../systems.js';

const LOOK_MS = 10_000;
/** Two events a line. All at once they would be more than an outbox keeps, and superseded ones would go. */
const BURSTS = { count: 3, lines: 2_000 };
const AFTER_BURST_MS = 60_000;
const SUBSCRIPTIONS = 10_000;
const MEASURED = ['collector', 'gateway', 'metrics', 'tracing'];

export const footprintScenario: Scenario = {
  name: 'footprint',
  what: 'memory and processor time of each service: at rest, with 100 lines/s, a minute after a burst, with 10 000 subscriptions',
  rounds: 1,
  async open() {
    const consumer = await Consumer.start();
    return {
      async round() {
        const services = await Services.start({ tracing: true });
        const figures: Figure[] = [];
        const programs = MEASURED.map((name) => services.program(name));
        const daemon = await Daemon.connect(services.socket);
        figures.push(...(await look(programs, 'at rest', () => pause(LOOK_MS))));
        // Lines as a real daemon's, most of which change nothing, would cost less: here each is an event.
        await services.subscribe(`/cluster/node/${NODE}${LOCK_STATE}`, consumer.url);
        figures.push(...(await look(programs, '100 events/s', () => daemon.paced(LOOK_MS / 10, 100))));
        for (let i = 0; i < BURSTS.count; i += 1) await burstRate(daemon, consumer, BURSTS.lines);
        await pause(AFTER_BURST_MS);
        figures.push(...memory(programs, 'a minute after 12 000 events in bursts'));
        const before = services.program('gateway').rssMb();
        await subscribeAll(
          services,
          Array.from({ length: SUBSCRIPTIONS }, (_, i) => ({
            resource: `/cluster/node/other-${i}${LOCK_STATE}`,
            endpointUri: consumer.url,
          })),
        );
        await pause(LOOK_MS);
        figures.push(...memory(programs, '10 000 subscriptions'));
        // A gateway that has loaded them, not the one that has just answered 10 000 requests.
        await services.program('gateway').end();
        await services.startOne('gateway');
        await pause(LOOK_MS);
        const loaded = services.program('gateway').rssMb();
        figures.push({ name: 'gateway, restarted with 10 000 subscriptions', unit: 'MB', value: loaded });
        figures.push({ name: 'gateway, grown by 10 000 subscriptions', unit: 'MB', value: loaded - before });
        daemon.close();
        await services.end();
        return figures;
      },
      close: () => consumer.end(),
    };
  },
};

const memory = (programs: readonly Program[], when: string): Figure[] =>
  programs.map((program) => ({ name: `${program.name}, ${when}`, unit: 'MB', value: program.rssMb() }));

async function look(programs: readonly Program[], when: string, work: () => Promise<unknown>): Promise<Figure[]> {
  const before = programs.map((program) => program.cpuUs());
  const fromMs = performance.now();
  await work();
  const tookUs = (performance.now() - fromMs) * 1_000;
  const cpu = programs.map((program, i) => ({
    name: `${program.name}, ${when}`,
    unit: '% of a core',
    value: (100 * (program.cpuUs() - (before[i] ?? 0))) / tookUs,
  }));
  return [...memory(programs, when), ...cpu];
}
