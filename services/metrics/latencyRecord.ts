import { bus } from '../shared/contract/bus.js';
import { BadMessage, parseMessage } from '../shared/messageChecks.js';
import type { LatencyRecord } from '../shared/messages.js';

export const OUTCOMES = [
  'delivered',
  'retried',
  'dead_letter',
  'too_old',
  'duplicate',
  'unconfirmed',
  'never_closed',
] as const;
export const TRAFFIC = ['event', 'canary'] as const;
export const STAGES = ['emit', 'parse', 'enqueue', 'publish', 'broker', 'queue', 'retry', 'post'] as const;
export const HOPS = ['broker', 'receipt', 'post'] as const;
export const QUALITIES = ['exact', 'derived', 'suspect'] as const;
/** Whose deliveries are measured. */
export const PATHS: readonly string[] = [...Object.values(bus.resources).map(({ path }) => path), bus.canary.path];

/**
 * Reads a message of ptp.latency.<node>. Figures are taken as they are, also impossible ones; a stage, hop or quality of an
 * unknown name is passed over, as a newer collector may have one more. Throws BadMessage.
 * @param node whose subject it came on
 */
export function readLatencyRecord(bytes: Uint8Array, node: string): LatencyRecord {
  const { traceId, ...record } = parseMessage('LatencyRecord', bytes);
  if (record.node !== node) throw new BadMessage('the record is about another node than its subject');
  if (!PATHS.includes(record.resource)) throw new BadMessage('resource is none whose deliveries are measured');
  return {
    ...record,
    ...(traceId !== undefined && isTraceId(traceId) && { traceId }),
    stages: Object.fromEntries(Object.entries(record.stages).filter(([stage]) => isOneOf(STAGES, stage))),
    hops: record.hops.filter(({ hop, quality }) => isOneOf(HOPS, hop) && isOneOf(QUALITIES, quality)),
  };
}

const isOneOf = (names: readonly string[], name: string): boolean => names.includes(name);

/** W3C Trace Context: 32 hex digits, not all of them 0. */
const isTraceId = (text: string): boolean => /^[0-9a-f]{32}$/.test(text) && !/^0+$/.test(text);
