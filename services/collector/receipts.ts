import type { Subscription } from '@nats-io/transport-node';
import type { NatsConnection } from '../shared/broker.js';
import type { Clock, FineClock } from '../shared/clock.js';
import { bus } from '../shared/contract/bus.js';
import { latencySubject, nodeToken, receiptsSubject } from '../shared/subjects.js';
import type { Logger } from '../shared/log.js';
import { BadMessage, parseMessage } from '../shared/messageChecks.js';
import type { Tracing } from '../shared/tracing.js';
import type { Loop } from './journeys.js';
import type { Departure } from './latency/hops.js';
import type { Finding, Loops } from './latency/loops.js';
import { readReceipt, type ReceivedReceipt } from './latency/received.js';
import type { CollectorMetrics } from './metrics.js';
import { receiveSpan } from './spans.js';

/** Latency records wait for one another so long, to leave in one write: each alone would cost a write and a wake-up. */
const HOLD_MS = 50;
/** So many do not wait. */
const MAX_HELD = 64;
/** Deliveries of one event that have a span each; a trace with more would help nobody. */
const MAX_SPANS = 100;

export interface ReceiptsOptions {
  nodeName: string;
  loops: Loops;
  clock: Clock;
  fine: FineClock;
  tracing: Tracing | undefined;
  metrics: CollectorMetrics;
  log: Logger;
  /** The cluster has so many nodes, as a gateway has just reported. */
  onNodes: (nodes: number) => void;
}

/** Hears the gateways' receipts and reports, and publishes what they say about the latency of deliveries. */
export class Receipts implements Loop {
  readonly #options: ReceiptsOptions;
  readonly #token: string;
  readonly #receiptsSubject: string;
  readonly #latencySubject: string;
  readonly #spans = new WeakMap<Departure, number>();
  #publish: ((subject: string, body: string) => boolean) | undefined;
  #stop: (() => void) | undefined;
  readonly #held: string[] = [];
  #hold: NodeJS.Timeout | undefined;
  #deadline: number | undefined;
  #cancelAlarm: (() => void) | undefined;

  constructor(options: ReceiptsOptions) {
    this.#options = options;
    this.#token = nodeToken(options.nodeName);
    this.#receiptsSubject = receiptsSubject(options.nodeName);
    this.#latencySubject = latencySubject(options.nodeName);
  }

  /** @param isConnected while the broker is away the client would keep everything until it is back */
  open(broker: NatsConnection, isConnected: () => boolean): void {
    const { metrics, loops, log } = this.#options;
    this.#publish = (subject, body) => {
      if (!isConnected() || broker.isClosed() || broker.isDraining()) return false;
      broker.publish(subject, body);
      return true;
    };
    const subscribe = (subject: string, hear: (data: Uint8Array) => void): Subscription =>
      broker.subscribe(subject, {
        callback(err, message) {
          if (err) log.warn({ err, subject }, 'cannot hear the gateways, latency is not measured');
          else hear(message.data);
        },
      });
    const receipts = subscribe(this.#receiptsSubject, (data) => this.#hear(data));
    const reports = subscribe(`${bus.subjects.gateways}.>`, (data) => this.#hearReport(data));
    metrics.watchLoops(loops);
    this.#stop = () => {
      receipts.unsubscribe();
      reports.unsubscribe();
    };
  }

  close(): void {
    this.#stop?.();
    this.#cancelAlarm?.();
    this.#release();
  }

  sent(departure: Departure): void {
    this.#tell(this.#options.loops.sent(departure));
  }

  stored(id: string): void {
    this.#tell(this.#options.loops.stored(id, this.#options.clock.monotonic()));
  }

  dropped(id: string): void {
    this.#tell(this.#options.loops.dropped(id));
  }

  #hear(data: Uint8Array): void {
    const { loops, clock, metrics } = this.#options;
    const cameMs = clock.monotonic();
    const receipt = readable(() => readReceipt(data, this.#token));
    metrics.receipts.inc({ outcome: outcomeOf(receipt) });
    if (receipt) this.#tell(loops.received(receipt, cameMs));
  }

  #hearReport(data: Uint8Array): void {
    const { loops, clock, metrics, onNodes } = this.#options;
    const report = readable(() => parseMessage('GatewayReport', data));
    if (report === undefined) {
      metrics.receipts.inc({ outcome: 'malformed_report' });
      return;
    }
    loops.gatewayReported(report.scope, clock.monotonic());
    onNodes(report.nodes);
  }

  #passTime(): void {
    this.#deadline = undefined;
    this.#tell(this.#options.loops.timePassed(this.#options.clock.monotonic()));
  }

  #tell(findings: readonly Finding[]): void {
    for (const finding of findings) {
      this.#trace(finding);
      this.#held.push(JSON.stringify(finding.record));
    }
    if (this.#held.length >= MAX_HELD) this.#release();
    else if (this.#held.length > 0) this.#hold ??= setTimeout(() => this.#release(), HOLD_MS).unref();
    this.#setAlarm();
  }

  #release(): void {
    const { metrics } = this.#options;
    clearTimeout(this.#hold);
    this.#hold = undefined;
    for (const record of this.#held.splice(0)) {
      const isSent = this.#publish?.(this.#latencySubject, record) ?? false;
      metrics.latencyRecords.inc({ outcome: isSent ? 'sent' : 'dropped' });
    }
  }

  #setAlarm(): void {
    const { loops, clock } = this.#options;
    const deadline = loops.nextDeadline();
    // An alarm that is too early sets the next one: cheaper than to move it with every event.
    if (deadline === undefined || deadline >= (this.#deadline ?? Infinity)) return;
    this.#cancelAlarm?.();
    this.#deadline = deadline;
    this.#cancelAlarm = clock.wakeAt(deadline, () => this.#passTime());
  }

  #trace({ record, delivery }: Finding): void {
    const { tracing, fine, nodeName } = this.#options;
    if (tracing === undefined || delivery?.departure.traceparent === undefined) return;
    const { departure, receipt, cameMs } = delivery;
    const spans = this.#spans.get(departure) ?? 0;
    if (spans >= MAX_SPANS) return;
    this.#spans.set(departure, spans + 1);
    const startMs = fine.at(cameMs);
    const fields = receiveSpan(departure.id, receipt, record, { node: nodeName, startMs });
    tracing.child(delivery.departure.traceparent, fields)?.end(startMs);
  }
}

/** What somebody has sent; undefined when it is not what its subject promises. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (err) {
    if (err instanceof BadMessage) return undefined;
    throw err;
  }
}

const outcomeOf = (receipt: ReceivedReceipt | undefined): string =>
  receipt === undefined ? 'malformed' : (receipt.delivery?.outcome ?? 'tail');
