import type { Arrivals } from './consumer.js';
import type { Consumer } from './consumerProcess.js';
import { type Daemon, keyOf, keyOfLine } from './lines.js';
import type { Figure } from './scenario.js';
import { quantile } from './statistics.js';
import { monotonicMs, until } from './waiting.js';

/** From a line's write to its event at the consumer, ms, of lines at an even pace. */
export async function pacedDelays(
  daemon: Daemon,
  consumer: Consumer,
  lines: number,
  perSecond: number,
): Promise<number[]> {
  await consumer.reset();
  const written = await daemon.paced(lines, perSecond);
  const { events, disorder } = await consumer.arrived(lines);
  checkOrder(disorder);
  return events.map(([offset, atMs]) => atMs - (written.get(keyOf(offset)) ?? NaN));
}

export const delayFigures = (
  name: string,
  ours: readonly number[],
  floor: readonly number[],
): [p50: Figure, p99: Figure] => [
  { name: `${name}p50`, unit: 'ms', value: quantile(ours, 0.5), floor: quantile(floor, 0.5) },
  { name: `${name}p99`, unit: 'ms', value: quantile(ours, 0.99), floor: quantile(floor, 0.99) },
];

/** Lines written at once; events a second from the first write to the last arrival. */
export async function burstRate(daemon: Daemon, consumer: Consumer, lines: number): Promise<number> {
  await consumer.reset();
  const startedMs = daemon.burst(lines);
  const { events, disorder } = await consumer.arrived(lines);
  checkOrder(disorder);
  return lines / ((lastMs(events) - startedMs) / 1_000);
}

export const lastMs = (events: Arrivals['events']): number => events.at(-1)?.[1] ?? NaN;
export const firstMs = (events: Arrivals['events']): number => events[0]?.[1] ?? NaN;

/** A figure is worth nothing when the promise behind it was broken. */
export function checkOrder(disorder: number): void {
  if (disorder > 0) throw new Error(`${disorder} events came out of order`);
}

/** Writes a line now and then until the consumer has an event that was written after `sinceMs`. Gives when it came. */
export async function firstDelivery(
  connect: () => Promise<Daemon>,
  consumer: Consumer,
  from: number,
): Promise<{ atMs: number; next: number }> {
  await consumer.reset();
  let next = from;
  const keys = new Set<number>();
  let daemon: Daemon | undefined;
  const beat = async (): Promise<void> => {
    try {
      daemon ??= await connect();
      daemon.next = next;
      keys.add(keyOfLine(next));
      await daemon.paced(1, 1_000);
      next = daemon.next;
    } catch {
      daemon = undefined;
    }
  };
  const timer = setInterval(() => void beat(), 20);
  try {
    return await until('an event is delivered again', async () => {
      const { events } = await consumer.arrived(1);
      const [, atMs = monotonicMs()] = events.find(([offset]) => keys.has(keyOf(offset))) ?? [];
      return { atMs, next };
    });
  } finally {
    clearInterval(timer);
    daemon?.close();
  }
}
