import { readFileSync } from 'node:fs';
import { jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { pino } from 'pino';
import { OUTCOMES, QUALITIES, HOPS, STAGES } from '../../services/metrics/latencyRecord.js';
import { bus } from '../../services/shared/contract/bus.js';
import type { NodeState, ResourceState } from '../../services/shared/messages.js';
import { ensureStreams } from '../../services/shared/streams.js';
import { nodeToken } from '../../services/shared/subjects.js';
import { startBroker } from '../support/broker.js';
import { eventually } from '../support/eventually.js';
import { connectSpeaker, scrape, spawnMetrics } from '../support/metrics.js';

const SCRAPES = 30;
const NODES = 1_000;

/** utime and stime, in ticks of 10 ms. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

const peakBytes = (pid: number): number =>
  Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1_024;

const mib = (size: number): string => (size / 2 ** 20).toFixed(1);

/** A node with every resource, two clocks behind each. */
function nodeState(node: string): NodeState {
  const now = new Date().toISOString();
  const resources = Object.values(bus.resources).map(({ path, type }): ResourceState => {
    const state = path === bus.resources.gnssSyncStatus.path ? 'SYNCHRONIZED' : 'LOCKED';
    const clock = { config: 'ptp4l.0.config', process: 'ptp4l', address: '', state, since: now, confirmed: true };
    const value = { ResourceAddress: `/cluster/node/${node}${path}`, value: state };
    return {
      resource: path,
      type,
      lastEvent: { id: `${node}-1`, time: now, sequence: '1' },
      data: { version: '1.0', values: [{ ...value, data_type: 'notification', value_type: 'enumeration' }] },
      clocks: ['ens1f0', 'ens2f0'].map((iface) => ({ ...clock, interface: iface })),
    };
  });
  return { node, writtenAt: now, bootId: 'b', resources, ports: [] };
}

describe('the metrics service', () => {
  it(`is scraped with ${NODES} nodes`, async () => {
    const broker = await startBroker();
    const speaker = await connectSpeaker(broker.url);
    const jsm = await jetstreamManager(speaker.broker, { checkAPI: false });
    await ensureStreams(jsm, { replicas: 1, eventsMaxBytes: 2 ** 26 }, { log: pino({ level: 'silent' }) });
    const nodes = Array.from({ length: NODES }, (_, i) => `worker-${i}.cluster.example.com`);
    const states = await new Kvm(jsm.jetstream()).open(bus.buckets.states, { bindOnly: true });
    for (let i = 0; i < NODES; i += 100) {
      await Promise.all(
        nodes.slice(i, i + 100).map((node) => states.put(nodeToken(node), JSON.stringify(nodeState(node)))),
      );
    }
    speaker.broker.subscribe(`$SRV.PING.${bus.services.collector}`, {
      callback(_, question) {
        for (const node of nodes)
          question.respond(JSON.stringify({ name: bus.services.collector, metadata: { node } }));
      },
    });
    const service = await spawnMetrics(broker.url);
    await eventually(async () => {
      const series = await scrape(service.url);
      return (series.get('ptp_metrics_records_total{outcome="used"}') ?? 0) >= 2 * NODES;
    }, 60_000);

    const stages = Object.fromEntries(STAGES.map((stage) => [stage, 3]));
    for (const { path } of [...Object.values(bus.resources), bus.canary]) {
      for (const traffic of ['event', 'canary'] as const) {
        for (const quality of QUALITIES) {
          const hops = HOPS.map((hop) => ({ hop, quality, ms: 1 }));
          for (const outcome of OUTCOMES) {
            speaker.latency({ resource: path, traffic, outcome, loopMs: 5, floorMs: 4, stages, hops });
          }
        }
      }
    }
    await speaker.broker.flush();

    const times: number[] = [];
    let bytes = 0;
    const cpuBefore = cpuMs(service.pid);
    for (let i = 0; i < SCRAPES; i += 1) {
      const from = performance.now();
      const text = await (await fetch(`${service.url}/metrics`)).arrayBuffer();
      times.push(performance.now() - from);
      bytes = text.byteLength;
    }
    const cpu = (cpuMs(service.pid) - cpuBefore) / SCRAPES;
    const series = (await scrape(service.url)).size;
    const rank = (share: number): string =>
      (times.toSorted((a, b) => a - b)[Math.floor(share * (SCRAPES - 1))] ?? 0).toFixed(0);
    process.stdout.write(
      `${NODES} nodes, ${series} series, ${mib(bytes)} MiB: scraped in p50 ${rank(0.5)} ms, max ${rank(1)} ms, ` +
        `${cpu.toFixed(0)} ms of CPU; resident at most ${mib(peakBytes(service.pid))} MiB\n`,
    );
    await service.end('SIGTERM');
    await speaker.close();
    await broker.close();
  }, 180_000);
});
