import { randomUUID } from 'node:crypto';
import type { NatsConnection } from '@nats-io/transport-node';
import { FineClock } from '../../shared/clock.js';
import type { Deps } from '../../shared/service.js';
import { openTracing, type TracingSettings } from '../../shared/tracing.js';
import type { TailDeps } from '../delivery/tail.js';
import type { GatewayMetrics } from '../metrics.js';
import { Receipts } from './receipts.js';
import { Sender } from './sender.js';
import { DeliverySpans } from './spans.js';
import { watchStalls } from './stalls.js';
import { Timing } from './timing.js';

/** What measures the deliveries of this gateway. */
export interface Measuring {
  /** Another one after each start: who sends receipts and reports. */
  gateway: string;
  sender: Sender;
  timing: Timing;
  /** How a tail takes note of when it reads a message. */
  reading: Pick<TailDeps, 'receive' | 'isTraced'>;
}

/** Opens it before the deliveries begin; it is closed after they have ended. */
export async function openMeasuring(
  { scope, tracing: tracingSettings }: { scope: string; tracing: TracingSettings },
  deps: Deps,
  { broker, metrics }: { broker: NatsConnection; metrics: GatewayMetrics },
): Promise<Measuring> {
  const { clock, life, log } = deps;
  const wall = new FineClock(clock);
  const gateway = randomUUID();
  const sender = new Sender(broker, log);
  const count = (outcome: string, receipts: number): void => metrics.receipts.inc({ outcome }, receipts);
  const receipts = new Receipts({ sender, clock, wall, scope, gateway, count });
  life.onStop('receipts', () => receipts.stop());
  const tracing = await openTracing(tracingSettings, 'gateway', deps);
  const spans = tracing && new DeliverySpans(tracing, { clock, wall });
  life.onStop('delivery spans', () => spans?.stop());
  const stalls = watchStalls(clock, life);
  return {
    gateway,
    sender,
    timing: new Timing({ clock, receipts, spans }),
    reading: {
      receive: (ms) => ({ ms, atMs: wall.now(), stalledMs: stalls.before(ms) }),
      isTraced: tracing !== undefined,
    },
  };
}
