import type { LatencyRecord } from '../shared/messages.js';

/** What a record does to one series. */
export type Move =
  | {
      kind: 'observe';
      series: 'delivery' | 'floor' | 'stage' | 'hop';
      labels: Record<string, string>;
      seconds: number;
      /** Observations that it stands for. */
      times: number;
      /** Becomes the exemplar. */
      traceId?: string;
    }
  | {
      kind: 'count';
      series: 'deliveries' | 'unconfirmed' | 'duplicates' | 'deadLetters' | 'impossible';
      labels: Record<string, string>;
      by: number;
    };

/** Past these a figure is absurd: no line waits a minute on its way to the collector, and no delivery is measured for an hour. */
const MAX_EMIT_MS = 60_000;
const MAX_MS = 3_600_000;
/** A loop that never closed was waited for this long: past every bucket. */
export const NEVER_CLOSED_SECONDS = 300;

/**
 * Which record moves which series. A figure that is negative, not finite or absurd is counted as such, never observed; the
 * rest of its record still counts.
 */
export function movesOf(record: LatencyRecord): Move[] {
  const { outcome, weight } = record;
  switch (outcome) {
    case 'unconfirmed':
      return [{ kind: 'count', series: 'unconfirmed', labels: {}, by: weight }];
    case 'duplicate':
      return [{ kind: 'count', series: 'duplicates', labels: {}, by: weight }];
    case 'never_closed':
      return [observation(record, 'delivery', NEVER_CLOSED_SECONDS)];
    case 'delivered':
    case 'retried':
      return [...counted(record), ...figuresOf(record)];
    // It has not reached its consumer: how fast it was refused or given up is no latency of a delivery.
    case 'too_old':
      return counted(record);
    case 'dead_letter':
      return [...counted(record), { kind: 'count', series: 'deadLetters', labels: {}, by: weight }];
  }
}

function counted({ outcome, traffic, weight }: LatencyRecord): Move[] {
  return traffic === 'event' ? [{ kind: 'count', series: 'deliveries', labels: { outcome }, by: weight }] : [];
}

function figuresOf(record: LatencyRecord): Move[] {
  const { loopMs, floorMs, stages, hops, weight } = record;
  const moves: Move[] = [];
  const impossible = (value: string): Move => ({ kind: 'count', series: 'impossible', labels: { value }, by: weight });
  if (loopMs !== undefined) {
    moves.push(isPossible(loopMs, MAX_MS) ? observation(record, 'delivery', loopMs / 1_000) : impossible('loop'));
  }
  if (floorMs !== undefined) {
    moves.push(isPossible(floorMs, MAX_MS) ? observation(record, 'floor', floorMs / 1_000) : impossible('floor'));
  }
  for (const [stage, ms] of Object.entries(stages)) {
    const isFine = isPossible(ms, stage === 'emit' ? MAX_EMIT_MS : MAX_MS);
    const seconds = ms / 1_000;
    moves.push(
      isFine ? { kind: 'observe', series: 'stage', labels: { stage }, seconds, times: weight } : impossible(stage),
    );
  }
  for (const { hop, quality, ms } of hops) {
    const seconds = ms / 1_000;
    moves.push(
      isPossible(ms, MAX_MS)
        ? { kind: 'observe', series: 'hop', labels: { hop, quality }, seconds, times: weight }
        : impossible(`hop_${hop}`),
    );
  }
  return moves;
}

function observation(
  { resource, traffic, weight, traceId }: LatencyRecord,
  series: 'delivery' | 'floor',
  seconds: number,
): Move {
  const exemplar = series === 'delivery' && traceId !== undefined ? { traceId } : {};
  return { kind: 'observe', series, labels: { resource, traffic }, seconds, times: weight, ...exemplar };
}

const isPossible = (ms: number, max: number): boolean => Number.isFinite(ms) && ms >= 0 && ms <= max;
