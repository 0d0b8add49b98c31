import type { Hop, Stage } from '../../shared/messages.js';
import { onAxis, type Axis } from './axis.js';
import { durationMs, type Span } from './span.js';

export type Quality = Hop['quality'];

/** One row of the hop table. */
export interface HopRow {
  hop: Stage;
  /** Where it begins on the axis: ms after the line was read, of `emit` before it. Absent where that is not known. */
  startMs?: number;
  /** Never negative; absent when nothing tells it, or when what tells it is impossible. */
  ms?: number;
  from: string;
  to: string;
  /** exact: one clock. derived: two clocks, and possible. suspect: the clocks contradict each other. Absent: not known. */
  quality?: Quality;
}

/**
 * One event on its way to one subscription. `totalMs` is the loop, or else the sum of its hops: line read → consumer's
 * answer.
 */
export interface Delivery extends Axis {
  subscription: string;
  /** delivered, retried, dead_letter, too_old; absent while it is under way. */
  outcome?: string;
  attempts: number;
  /** Bounds of its latency by one clock, where the collector has closed the loop. */
  loopMs?: number;
  floorMs?: number;
}

const STAGES = ['emit', 'parse', 'enqueue', 'publish', 'broker', 'queue', 'retry', 'post'] as const;
/** No line waits a minute on its way to the collector: its stamp is another clock's. */
const MAX_EMIT_MS = 60_000;
/** Nothing is on its way for a year. Sums of less are exact in whole microseconds. */
const MAX_MS = 366 * 86_400_000;
const QUALITIES: readonly unknown[] = ['exact', 'derived', 'suspect'];

/** The spans of one delivery, by what they are (observability/README.md). */
interface Spans {
  create: Span | undefined;
  send: Span | undefined;
  process: Span | undefined;
  /** In the order of the attempts. */
  posts: Span[];
  receive: Span | undefined;
}

/**
 * The deliveries that a trace tells of, one per subscription: figures that the collector measured by one clock where its
 * `receive` span is there, else those that the times of the spans give.
 */
export function deliveriesOf(spans: Iterable<Span>): Delivery[] {
  let create: Span | undefined;
  let send: Span | undefined;
  const bySubscription = new Map<string, Omit<Spans, 'create' | 'send'>>();
  for (const span of spans) {
    const what = span.attributes.text('messaging.operation.name') ?? span.name.split(' ', 1)[0];
    if (what === 'create') create ??= span;
    if (what === 'send') send ??= span;
    const subscription = span.attributes.text('ptp.subscription.id');
    if (subscription === undefined) continue;
    const found = bySubscription.get(subscription) ?? { process: undefined, posts: [], receive: undefined };
    bySubscription.set(subscription, found);
    if (what === 'process') found.process ??= span;
    else if (what === 'receive') found.receive ??= span;
    else if (what === 'POST') found.posts.push(span);
  }
  return Array.from(bySubscription, ([subscription, found]) =>
    delivery(subscription, { create, send, ...found, posts: found.posts.toSorted((a, b) => a.startMs - b.startMs) }),
  );
}

function delivery(subscription: string, spans: Spans): Delivery {
  const { process, receive, posts, create, send } = spans;
  const collector = (receive ?? create ?? send)?.resource.service ?? 'ptp-collector';
  const gateway = (process ?? posts[0])?.resource.service ?? 'ptp-gateway';
  const places: Record<Stage, [from: string, to: string]> = {
    emit: ['linuxptp', collector],
    parse: [collector, collector],
    enqueue: [collector, collector],
    publish: [collector, 'nats'],
    broker: [collector, gateway],
    queue: [gateway, gateway],
    retry: [gateway, gateway],
    post: [gateway, posts.at(-1)?.attributes.text('server.address') ?? 'consumer'],
  };
  const hops = STAGES.map((hop): HopRow => {
    const [from, to] = places[hop];
    return { hop, from, to, ...(measured(hop, receive) ?? derived(hop, spans)) };
  });
  const loopMs = figure(receive?.attributes.number('ptp.delivery.loop_ms'));
  const floorMs = figure(receive?.attributes.number('ptp.delivery.floor_ms'));
  const outcome = receive?.attributes.text('ptp.delivery.outcome') ?? process?.attributes.text('ptp.delivery.outcome');
  return {
    subscription,
    ...(outcome !== undefined && { outcome }),
    attempts: figure(process?.attributes.number('ptp.delivery.attempts')) ?? posts.length,
    ...(loopMs !== undefined && { loopMs }),
    ...(floorMs !== undefined && { floorMs }),
    ...onAxis(hops, loopMs),
  };
}

type Figure = Pick<HopRow, 'ms' | 'quality'>;

/** What the collector measured; undefined when it says nothing about this hop. */
function measured(hop: Stage, receive: Span | undefined): Figure | undefined {
  const said = receive?.attributes.get(`ptp.hop.${hop}_quality`);
  // The stages exclude one another: a gateway that did not look has its part in `queue`, which the hop `broker` has too.
  // Of a suspect hop the round trip is known, which it cannot exceed.
  const kinds = said === 'suspect' ? ['hop', 'stage'] : ['stage', 'hop'];
  const [ms] = kinds.flatMap((kind) => receive?.attributes.number(`ptp.${kind}.${hop}_ms`) ?? []);
  if (ms === undefined) return undefined;
  if (hop === 'emit' && ms > MAX_EMIT_MS) return { quality: 'suspect' };
  // All stages but the broker's lie within one process.
  const quality = QUALITIES.includes(said) ? (said as Quality) : hop === 'broker' ? 'derived' : 'exact';
  return judged(ms, quality);
}

/** What the times of the spans tell; empty when the spans are not there. */
function derived(hop: Stage, { create, send, process, posts, receive }: Spans): Figure {
  const first = posts[0];
  const last = posts.at(-1);
  switch (hop) {
    case 'parse':
      return within(create);
    case 'enqueue':
      return between(create, create?.endMs, send, send?.startMs);
    case 'publish':
      return within(send);
    case 'broker': {
      const row = between(send, send?.startMs, process, process?.startMs);
      // The receipt cannot have come back before the gateway has read the event.
      const isEarly = receive !== undefined && process !== undefined && receive.startMs < process.startMs;
      return isEarly && row.quality !== undefined ? { quality: 'suspect' } : row;
    }
    case 'queue':
      return between(process, process?.startMs, first, first?.startMs);
    case 'retry':
      return between(first, first?.startMs, last, last?.startMs);
    case 'post':
      return within(last);
    default:
      return {};
  }
}

const within = (span: Span | undefined): Figure =>
  span === undefined ? {} : judged(span.endMs - span.startMs, 'exact');

/** From a time of one span to a time of another: exact when one process made both. */
function between(
  a: Span | undefined,
  fromMs: number | undefined,
  b: Span | undefined,
  toMs: number | undefined,
): Figure {
  if (a === undefined || b === undefined || fromMs === undefined || toMs === undefined) return {};
  const isOneProcess = a.resource.service === b.resource.service && a.resource.instance === b.resource.instance;
  return judged(toMs - fromMs, isOneProcess ? 'exact' : 'derived');
}

/** A figure that cannot be is no figure, but the news that clocks disagree. */
function judged(measuredMs: number, quality: Quality): Figure {
  const ms = figure(measuredMs);
  return ms === undefined ? { quality: 'suspect' } : { ms, quality };
}

/** To the microsecond: more is not in the clocks. */
const figure = (value: number | undefined): number | undefined =>
  value !== undefined && value >= 0 && value <= MAX_MS ? Math.round(value * 1_000) / 1_000 : undefined;

/** How long the event of a trace took: its slowest delivery, or else its longest span. */
export function totalMs(spans: Iterable<Span>, deliveries: readonly Delivery[]): number {
  let longest = 0;
  for (const delivered of deliveries) longest = Math.max(longest, delivered.totalMs);
  for (const span of spans) longest = Math.max(longest, durationMs(span));
  return longest;
}
