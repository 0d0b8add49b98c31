import { startBroker, type Broker } from './support/broker.js';
import { NodeFiles, startTestCollector, type TestCollector } from './support/collector.js';
import { systemClock, type Clock } from '../services/shared/clock.js';
import { createLog } from '../services/shared/log.js';
import { bus } from '../services/shared/contract/bus.js';
import { connectDaemon } from './support/daemon.js';
import { readEventLog } from './support/eventLog.js';
import { eventually } from './support/eventually.js';

const { lockState, syncState } = bus.resources;
const line = (state: 'LOCKED' | 'FREERUN', i: number): string =>
  `ptp4l[81021.120]: [ptp4l.0.config] master offset ${state === 'LOCKED' ? i % 90 : 1_000 + i} s2 freq -5120 path delay 312`;

let broker: Broker;
let files: NodeFiles;
let collector: TestCollector<Clock>;

beforeEach(async () => {
  broker = await startBroker();
  files = new NodeFiles();
});

afterEach(async () => {
  await collector.stop();
  files.remove();
  await broker.close();
});

const count = async (name: string): Promise<number> => {
  const { values } = (await collector.deps.registry.getSingleMetric(name)?.get()) ?? { values: [] };
  return values.reduce((sum, { value }) => sum + value, 0);
};

describe('a collector whose broker is killed again and again', () => {
  it('goes on reading, and afterwards every event is on the bus once, in order', async () => {
    collector = await startTestCollector(broker.url, files, { clock: systemClock });
    const daemon = await connectDaemon(files.socket);
    const rounds = 3;
    const perRound = 100;
    let sent = 0;
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < perRound; i++, sent++) {
        await daemon.write(line(sent % 2 === 0 ? 'LOCKED' : 'FREERUN', sent));
        // In the middle of the stream of events.
        if (i === perRound / 2) await broker.kill();
      }
      // The lines are taken in while there is no broker at all.
      await eventually(async () => (await collector.linesRead('used')) === sent);
      await broker.restart();
    }
    await eventually(async () => (await count('ptp_collector_outbox_events')) === 0);
    const log = await readEventLog(broker.url);
    for (const { path } of [lockState, syncState]) {
      const events = log.filter((one) => one.path === path).map(({ event }) => event);
      expect(events).toHaveLength(sent);
      const first = Number(events[0]?.sequence);
      expect(events.map(({ sequence }) => Number(sequence) - first)).toEqual(events.map((_, i) => i));
      expect(new Set(events.map(({ id }) => id)).size).toBe(sent);
      expect(events.map(({ data }) => data?.values[0]?.value)).toEqual(
        events.map((_, i) => (i % 2 === 0 ? 'LOCKED' : 'FREERUN')),
      );
    }
    expect(await count('ptp_collector_events_dropped_total')).toBe(0);
  });

  it('keeps the newest state when the outbox is full, counts what it dropped, and tells it in few lines', async () => {
    const vars = { OUTBOX_SIZE: '100' };
    const told: Record<string, unknown>[] = [];
    const log = createLog('collector', 'warn', { write: (text) => void told.push(JSON.parse(text)) });
    collector = await startTestCollector(broker.url, files, { clock: systemClock, vars, log });
    const daemon = await connectDaemon(files.socket);
    await broker.kill();
    const lines = Array.from({ length: 501 }, (_, i) => line(i % 2 === 0 ? 'FREERUN' : 'LOCKED', i));
    await daemon.write(...lines);
    await eventually(async () => (await collector.linesRead('used')) === lines.length);
    await broker.restart();
    await eventually(async () => (await count('ptp_collector_outbox_events')) === 0);
    const events = (await readEventLog(broker.url)).filter(({ path }) => path === lockState.path);
    expect(events.at(-1)?.event.data?.values.map(({ value }) => value)).toEqual(['FREERUN', '1500']);
    const sequences = events.map(({ event }) => Number(event.sequence));
    expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
    const onTheBus = (await readEventLog(broker.url)).length;
    expect(onTheBus + (await count('ptp_collector_events_dropped_total'))).toBe(2 * lines.length);
    expect(onTheBus).toBeLessThanOrEqual(102);
    const drops = told.filter(({ msg }) => msg === 'event dropped');
    expect(drops.map(({ level, times }) => [level, times])).toEqual(
      [1, 2, 4, 8, 16, 32, 64, 128, 256, 512].map((times) => ['warn', times]),
    );
  });
});
