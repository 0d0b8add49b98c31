import { Consumer } from '../consumerProcess.js';
import { delayFigures, pacedDelays } from '../delays.js';
import { Daemon } from '../lines.js';
import type { Scenario } from '../scenario.js';
import { Floor, LOCK_STATE, measured, NODE, Services, settled, type System } from '../systems.js';

const LINES = 1_000;
const PER_SECOND = 100;
const WARM_UP_LINES = 300;
/** How often somebody scrapes the metrics meanwhile. */
const SCRAPE_MS = 5_000;

export const pacedScenario: Scenario = {
  name: 'paced',
  what: `${PER_SECOND} lines/s, each an event: line written to event at the consumer; metrics, receipts, canaries and scrapes on`,
  rounds: 5,
  async open() {
    const consumer = await Consumer.start();
    const plain = await Services.start();
    const traced = await Services.start({ tracing: true });
    const floor = await Floor.start(consumer.url);
    const resource = `/cluster/node/${NODE}${LOCK_STATE}`;
    for (const services of [plain, traced]) await services.subscribe(resource, consumer.url);
    const side = async (system: System): Promise<() => Promise<Measured>> => {
      const daemon = await Daemon.connect(system.socket);
      await pacedDelays(daemon, consumer, WARM_UP_LINES, PER_SECOND);
      return async () => {
        const stopScrapes = system instanceof Services ? scrapes(system) : () => {};
        const run = (): Promise<number[]> => pacedDelays(daemon, consumer, LINES, PER_SECOND);
        const { result, cpuUs } = await measured(system.programs, LINES, run);
        stopScrapes();
        await settled(system.programs);
        return { delays: result, cpuUs };
      };
    };
    const [ours, withTracing, least] = [await side(plain), await side(traced), await side(floor)];
    return {
      async round(n) {
        // Each is first, second and last in turn.
        const results = new Map<typeof ours, Measured>();
        for (let i = 0; i < 3; i += 1) {
          const one = [ours, withTracing, least][(n + i) % 3];
          if (one !== undefined) results.set(one, await one());
        }
        const of = (one: typeof ours): Measured => results.get(one) ?? { delays: [], cpuUs: {} };
        const figures = [
          ...delayFigures('', of(ours).delays, of(least).delays),
          ...delayFigures('tracing on, ', of(withTracing).delays, of(least).delays),
        ];
        return figures.map((figure, i) => ({
          ...figure,
          cpuUs: of(i < 2 ? ours : withTracing).cpuUs,
          floorCpuUs: of(least).cpuUs,
        }));
      },
      async close() {
        await Promise.all([plain.end(), traced.end(), floor.end()]);
        await consumer.end();
      },
    };
  },
};

interface Measured {
  delays: number[];
  cpuUs: Record<string, number>;
}

/** Scrapes all services now and then, as a Prometheus does. Gives how to end it. */
function scrapes(services: Services): () => void {
  const scrape = (): void => {
    for (const name of ['collector', 'gateway', 'metrics']) {
      void fetch(`${services.url(name)}/metrics`).then((answer) => answer.arrayBuffer());
    }
  };
  const timer = setInterval(scrape, SCRAPE_MS);
  return () => clearInterval(timer);
}
