import { readFileSync } from 'node:fs';
import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { bus } from '../../services/shared/contract/bus.js';
import { startBroker } from '../support/broker.js';
import { halt } from '../support/childProcess.js';
import { eventually } from '../support/eventually.js';
import { scrape } from '../support/metrics.js';
import { freePort } from '../support/ports.js';
import { spawnGateway, subscribe } from '../support/services.js';
import { spawnTracing } from '../support/tracing.js';
import { message, publish, startSink, type Message } from './delivering.js';

const NODES = 1_000;
const EACH = 12;
const PAIRS = 5;
/** Spans are exported once a second. */
const SETTLED_MS = 1_200;
/** Share of a core that is nothing. */
const IDLE = 0.1;
/** Traces that a collector begins a second (TRACE_RATE). */
const TRACES_PER_SECOND = 200;
/** Least share of the throughput that is left with tracing on. */
const AIM = 0.85;
const { path } = bus.resources.lockState;

/** utime and stime, ms. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

const median = (numbers: number[]): number => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;

/** Deliveries a second, and µs of the gateway's CPU for each. */
interface Result {
  rate: number;
  cpu: number;
}

interface Side {
  run(events: Message[]): Promise<Result>;
  spans(): Promise<number>;
  close(): Promise<void>;
}

type Sink = Awaited<ReturnType<typeof startSink>>;

/** A gateway with a broker of its own, which rests while the other one works. */
async function startSide(sink: Sink, vars: Record<string, string>): Promise<Side> {
  const broker = await startBroker();
  const port = await freePort();
  const gateway = await spawnGateway(broker.url, port, { INITIAL_NOTIFICATION: 'false', ...vars });
  const connection = await connect({ servers: broker.url });
  const js = jetstream(connection);
  const answer = await subscribe(gateway.api, `/cluster/node/*${path}`, sink.url);
  if (answer.status !== 201) throw new Error(await answer.text());
  /** Its receipts, spans and cursor are on their way, too: they belong to no other run. */
  const settled = (): Promise<unknown> => {
    let last = { cpu: cpuMs(gateway.pid), atMs: performance.now() };
    return eventually(() => {
      const nowMs = performance.now();
      if (nowMs - last.atMs < SETTLED_MS) return false;
      const cpu = cpuMs(gateway.pid);
      const isQuiet = cpu - last.cpu < IDLE * SETTLED_MS;
      last = { cpu, atMs: nowMs };
      return isQuiet;
    }, 60_000);
  };
  return {
    async run(events) {
      await sink.reset();
      halt(gateway.pid);
      await publish(js, events);
      const cpuBefore = cpuMs(gateway.pid);
      const startedMs = performance.now();
      process.kill(gateway.pid, 'SIGCONT');
      await eventually(async () => (await sink.state()).count >= events.length, 120_000);
      const rate = (events.length / (performance.now() - startedMs)) * 1_000;
      await settled();
      const cpu = ((cpuMs(gateway.pid) - cpuBefore) / events.length) * 1_000;
      expect(await sink.state()).toEqual({ count: events.length, disorder: 0 });
      return { rate, cpu };
    },
    async spans() {
      const series = await scrape(`http://127.0.0.1:${port}`, 'ptp_spans_total');
      return [...series.values()].reduce((a, b) => a + b, 0);
    },
    async close() {
      await gateway.kill('SIGTERM');
      await connection.close();
      await broker.close();
    },
  };
}

describe('delivery with tracing on, beside the same without', () => {
  it('of events of one busy collector, and of many at once', async () => {
    const tracing = await spawnTracing();
    const sink = await startSink();
    const on = await startSide(sink, { OTEL_EXPORTER_OTLP_ENDPOINT: tracing.otlp });
    const off = await startSide(sink, {});
    const nodes = Array.from({ length: NODES }, (_, i) => `n${i}`);
    let sequence = 0;
    /** @param every the n-th event is traced by its collector */
    const events = (every: number): Message[] =>
      Array.from({ length: EACH }, () => {
        sequence += 1;
        return nodes.map((node, i) => message(node, sequence, i % every === 0));
      }).flat();
    const pair = async (n: number, every: number): Promise<{ on: Result; off: Result }> => {
      const same = events(every);
      if (n % 2 === 0) return { on: await on.run(same), off: await off.run(same) };
      const first = await off.run(same);
      return { off: first, on: await on.run(same) };
    };
    try {
      let perSecond = 0;
      for (let n = 0; n < 2; n += 1) perSecond = (await pair(n, 10)).off.rate;
      const cases = [
        [`${TRACES_PER_SECOND} traces/s begun`, Math.ceil(perSecond / TRACES_PER_SECOND)],
        ['every event traced by its collector', 1],
      ] as const;
      for (const [what, every] of cases) {
        const spansBefore = await on.spans();
        const results: { on: Result; off: Result }[] = [];
        for (let n = 0; n < PAIRS; n += 1) {
          const both = await pair(n, every);
          results.push(both);
          const { rate } = both.on;
          process.stdout.write(
            `${what}: ${Math.round(rate)}/s on, ${Math.round(both.off.rate)}/s off: ${(rate / both.off.rate).toFixed(2)}` +
              `; CPU ${Math.round(both.on.cpu)} and ${Math.round(both.off.cpu)} µs\n`,
          );
        }
        const share = median(results.map((both) => both.on.rate / both.off.rate));
        const cpu = median(results.map((both) => both.on.cpu / both.off.cpu));
        const spans = (await on.spans()) - spansBefore;
        process.stdout.write(
          `${what}: median ${share.toFixed(3)} of the throughput (aim ${AIM}), ${cpu.toFixed(3)} of the CPU, ${spans} spans\n`,
        );
        expect(spans).toBeGreaterThan(0);
      }
    } finally {
      await on.close();
      await off.close();
      sink.close();
      await tracing.end('SIGTERM');
    }
  }, 600_000);
});
