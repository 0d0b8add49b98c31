import { join } from 'node:path';
import { Consumer } from './consumerProcess.js';
import { burstRate, delayFigures, pacedDelays } from './delays.js';
import { Daemon, MAX_OFFSET_NS, writeNodeFiles } from './lines.js';
import { rowsOf, type Row } from './report.js';
import { inTurn, type Figure } from './scenario.js';
import { LOCK_STATE, NODE, Services, settled, subscribe, type System } from './systems.js';

const PACED_LINES = 1_000;
const PER_SECOND = 100;
const BURST_LINES = 4_000;

export interface Other {
  /** Its REST v1, such as `http://localhost:8089/api/ocloudNotifications/v1`. */
  api: string;
  /** The UNIX socket that it reads lines from. */
  socket: string;
  node: string;
}

/** What the other system has to be configured with before it starts. */
export const otherConfiguration = `a configuration ptp4l.0.config with the port ens1f0 and thresholds of +-${MAX_OFFSET_NS} ns`;

/** Writes that configuration, as linuxptp-daemon does: `<folder>/run/ptp4l.0.config` and `<folder>/linuxptp/<node>`. */
export const writeOtherConfiguration = (folder: string, node: string): void =>
  writeNodeFiles(join(folder, 'run'), join(folder, 'linuxptp'), node);

/** Ours beside another system that reads the same socket and speaks REST v1: the other one stands where the floor stands. */
export async function compare(other: Other, rounds: number, progress: (text: string) => void): Promise<Row[]> {
  const consumer = await Consumer.start();
  const services = await Services.start();
  try {
    await services.subscribe(`/cluster/node/${NODE}${LOCK_STATE}`, consumer.url);
    await subscribe(other.api, `/cluster/node/${other.node}${LOCK_STATE}`, consumer.url);
    const side = async ({ socket, programs }: Pick<System, 'socket' | 'programs'>) => {
      const daemon = await Daemon.connect(socket);
      return async () => {
        const delays = await pacedDelays(daemon, consumer, PACED_LINES, PER_SECOND);
        const rate = await burstRate(daemon, consumer, BURST_LINES);
        await settled(programs);
        return { delays, rate };
      };
    };
    const [ours, theirs] = [await side(services), await side({ socket: other.socket, programs: [] })];
    await ours();
    await theirs();
    const measured: Figure[][] = [];
    for (let n = 0; n < rounds; n += 1) {
      progress(`compare: round ${n + 1} of ${rounds}`);
      const { ours: a, floor: b } = await inTurn(n, ours, theirs);
      measured.push([
        ...delayFigures('paced, ', a.delays, b.delays),
        { name: 'burst', unit: '/s', value: a.rate, floor: b.rate },
      ]);
    }
    return rowsOf('compare', measured);
  } finally {
    await services.end();
    await consumer.end();
  }
}
