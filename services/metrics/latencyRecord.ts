import { bus } from '../shared/contract/bus.js';
import type { Hop, LatencyRecord, Stage } from '../shared/messages.js';
import { asList, asObject, asWord, BadMessage, readObject } from './untrusted.js';

/** A record of a traced delivery with every stage has less than 1 kB. */
const MAX_BYTES = 16_384;
const MAX_WEIGHT = 1_000_000;

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
export const PATHS = [...Object.values(bus.resources).map(({ path }) => path), bus.canary.path];

/**
 * Reads a message of ptp.latency.<node>. Figures are taken as they are, also impossible ones (what is no number is
 * NaN); a stage, hop or quality of an unknown name is passed over, as a newer collector may have one more. Throws
 * BadMessage.
 * @param node whose subject it came on
 */
export function readLatencyRecord(bytes: Uint8Array, node: string): LatencyRecord {
  const { weight, loopMs, floorMs, event, traceId, ...fields } = readObject(bytes, MAX_BYTES);
  if (fields['node'] !== node) throw new BadMessage('the record is about another node than its subject');
  if (typeof weight !== 'number' || !Number.isInteger(weight) || weight < 1 || weight > MAX_WEIGHT) {
    throw new BadMessage(`weight is no whole number from 1 to ${MAX_WEIGHT}`);
  }
  const loop = figure(loopMs);
  const floor = figure(floorMs);
  return {
    node,
    resource: asWord(fields['resource'], 'resource', PATHS),
    traffic: asWord(fields['traffic'], 'traffic', TRAFFIC),
    outcome: asWord(fields['outcome'], 'outcome', OUTCOMES),
    weight,
    ...(typeof event === 'string' && { event }),
    ...(isTraceId(traceId) && { traceId }),
    ...(loop !== undefined && { loopMs: loop }),
    ...(floor !== undefined && { floorMs: floor }),
    stages: readStages(fields['stages']),
    hops: asList(fields['hops'], 'hops', HOPS.length).flatMap(readHop),
  };
}

function readStages(given: unknown): LatencyRecord['stages'] {
  const members = asObject(given ?? {}, 'stages');
  const stages: Partial<Record<Stage, number>> = {};
  for (const stage of STAGES) {
    const ms = Object.hasOwn(members, stage) ? figure(members[stage]) : undefined;
    if (ms !== undefined) stages[stage] = ms;
  }
  return stages;
}

function readHop(given: unknown): Hop[] {
  const { hop, quality, ms } = asObject(given, 'a hop');
  const name = HOPS.find((one) => one === hop);
  const known = QUALITIES.find((one) => one === quality);
  const length = figure(ms);
  return name && known && length !== undefined ? [{ hop: name, quality: known, ms: length }] : [];
}

/** undefined: absent. A double may be a word in protobuf's JSON (NaN, Infinity). */
function figure(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === 'number' ? value : NaN;
}

/** W3C Trace Context: 32 hex digits, not all of them 0. */
const isTraceId = (value: unknown): value is string =>
  typeof value === 'string' && /^[0-9a-f]{32}$/.test(value) && !/^0+$/.test(value);
