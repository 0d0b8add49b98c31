import { sleep, type Clock } from '../../shared/clock.js';
import { bus } from '../../shared/contract/bus.js';
import type { Lifecycle } from '../../shared/lifecycle.js';
import type { GatewayReport } from '../../shared/messages.js';
import { gatewaySubject } from '../../shared/subjects.js';
import type { EngineState } from '../delivery/engine.js';
import type { Sender } from './sender.js';

const REPORT_MS = 5_000;
/** The number of nodes changes with the cluster: it is asked for at most so often. */
const COUNT_NODES_MS = 60_000;

export interface ReportParts {
  sender: Sender;
  clock: Clock;
  life: Lifecycle;
  scope: string;
  /** As in its receipts. */
  gateway: string;
  engine: { state(): EngineState };
  subscriptions: () => number;
  /** Nodes that have ever written down a state; rejects while the broker is away. */
  countNodes: () => Promise<number>;
  /** Asked at the stop: whether nobody misses the scope when this gateway is gone. */
  leaves?: () => boolean;
}

/** Says now, and every 5 s until the stop, that this gateway lives and how it does. */
export function startReports(parts: ReportParts): void {
  const stopping = new AbortController();
  parts.life.onStop('reports', () => {
    stopping.abort();
    if (parts.leaves?.()) send(parts, 0, { isLeaving: true });
  });
  void reportForEver(parts, stopping.signal);
}

async function reportForEver(parts: ReportParts, signal: AbortSignal): Promise<void> {
  const { clock } = parts;
  let nodes = 0;
  let countAtMs = -Infinity;
  while (!signal.aborted) {
    if (clock.monotonic() >= countAtMs) {
      countAtMs = clock.monotonic() + COUNT_NODES_MS;
      nodes = await parts.countNodes().catch(() => nodes);
    }
    if (!signal.aborted) send(parts, nodes);
    await sleep(clock, REPORT_MS, signal);
  }
}

function send(parts: ReportParts, nodes: number, more: Pick<GatewayReport, 'isLeaving'> = {}): void {
  const { sender, scope, gateway, engine, subscriptions } = parts;
  if (!sender.canSend(bus.subjects.gateways)) return;
  const report: GatewayReport = { scope, gateway, ...engine.state(), subscriptions: subscriptions(), nodes, ...more };
  sender.send(gatewaySubject(scope), report);
}
