import fc from 'fast-check';
import { bus } from '../shared/contract/bus.js';
import { BadMessage } from '../shared/messageChecks.js';
import type { LatencyRecord } from '../shared/messages.js';
import { HOPS, OUTCOMES, QUALITIES, readLatencyRecord, STAGES, TRAFFIC } from './latencyRecord.js';
import { movesOf, type Move } from './record.js';

const resource = bus.resources.lockState.path;
const record = (more: Partial<LatencyRecord>): LatencyRecord => ({
  node: 'n1.example.com',
  resource,
  traffic: 'event',
  outcome: 'delivered',
  weight: 1,
  stages: {},
  hops: [],
  ...more,
});
const read = (fields: object): LatencyRecord =>
  readLatencyRecord(Buffer.from(JSON.stringify({ ...record({}), ...fields })), 'n1.example.com');

/** `deliveries{delivered} +1`, `stage{post} 0.002 s ×3` */
const describeMove = (move: Move): string => {
  const series = `${move.series}{${Object.values(move.labels).join()}}`;
  return move.kind === 'count' ? `${series} +${move.by}` : `${series} ${move.seconds} s ×${move.times}`;
};
const moves = (more: Partial<LatencyRecord>): string[] => movesOf(record(more)).map(describeMove);

const figures = {
  loopMs: 4,
  floorMs: 3,
  stages: { parse: 1, post: 2 },
  hops: [{ hop: 'broker', quality: 'suspect', ms: 1 } as const],
};

describe('a latency record', () => {
  it.each<[string, Partial<LatencyRecord>, string[]]>([
    ['delivered, nothing measured', {}, ['deliveries{delivered} +1']],
    [
      'delivered',
      figures,
      [
        'deliveries{delivered} +1',
        `delivery{${resource},event} 0.004 s ×1`,
        `floor{${resource},event} 0.003 s ×1`,
        'stage{parse} 0.001 s ×1',
        'stage{post} 0.002 s ×1',
        'hop{broker,suspect} 0.001 s ×1',
      ],
    ],
    [
      'retried, for three',
      { outcome: 'retried', weight: 3, loopMs: 250 },
      ['deliveries{retried} +3', `delivery{${resource},event} 0.25 s ×3`],
    ],
    [
      'of a canary',
      { resource: '/canary', traffic: 'canary', loopMs: 1, stages: { post: 1 } },
      ['delivery{/canary,canary} 0.001 s ×1', 'stage{post} 0.001 s ×1'],
    ],
    ['dead letter', { outcome: 'dead_letter', ...figures }, ['deliveries{dead_letter} +1', 'deadLetters{} +1']],
    ['dead letter of a canary', { outcome: 'dead_letter', traffic: 'canary' }, ['deadLetters{} +1']],
    ['too old', { outcome: 'too_old', ...figures }, ['deliveries{too_old} +1']],
    ['duplicate', { outcome: 'duplicate', ...figures }, ['duplicates{} +1']],
    ['unconfirmed', { outcome: 'unconfirmed', weight: 7 }, ['unconfirmed{} +7']],
    ['never closed', { outcome: 'never_closed', weight: 2 }, [`delivery{${resource},event} 300 s ×2`]],
    ['emit after a minute', { stages: { emit: 60_000 } }, ['deliveries{delivered} +1', 'stage{emit} 60 s ×1']],
    ['emit beyond', { stages: { emit: 60_001 } }, ['deliveries{delivered} +1', 'impossible{emit} +1']],
    ['retried for an hour', { stages: { retry: 3_600_000 } }, ['deliveries{delivered} +1', 'stage{retry} 3600 s ×1']],
    ['retried beyond', { stages: { retry: 3_600_001 } }, ['deliveries{delivered} +1', 'impossible{retry} +1']],
    [
      'with impossible figures, the rest of it',
      {
        weight: 2,
        loopMs: -0.1,
        floorMs: NaN,
        stages: { queue: Infinity, post: 1 },
        hops: [{ hop: 'post', quality: 'exact', ms: -1 }],
      },
      [
        'deliveries{delivered} +2',
        'impossible{loop} +2',
        'impossible{floor} +2',
        'impossible{queue} +2',
        'stage{post} 0.001 s ×2',
        'impossible{hop_post} +2',
      ],
    ],
  ])('%s', (_, more, expected) => {
    expect(moves(more)).toEqual(expected);
  });

  it('gives its trace to the delivery, and to nothing else', () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const traced = movesOf(record({ ...figures, traceId })).filter((move) => 'traceId' in move);
    expect(traced.map(({ series }) => series)).toEqual(['delivery']);
  });

  it('observes nothing impossible and loses no figure, whatever it says', () => {
    const ms = fc.oneof(fc.double(), fc.constantFrom(-1, 0, NaN, Infinity, 1e300));
    const perhaps = fc.option(ms, { nil: undefined });
    const any = fc.record({
      outcome: fc.constantFrom(...OUTCOMES),
      traffic: fc.constantFrom(...TRAFFIC),
      weight: fc.integer({ min: 1, max: 1_000_000 }),
      loopMs: perhaps,
      floorMs: perhaps,
      stages: fc.dictionary(fc.constantFrom(...STAGES), ms),
      hops: fc.array(fc.record({ hop: fc.constantFrom(...HOPS), quality: fc.constantFrom(...QUALITIES), ms }), {
        maxLength: 3,
      }),
    });
    fc.assert(
      fc.property(any, (given) => {
        const { loopMs, floorMs, ...rest } = given;
        const made = movesOf(
          record({ ...rest, ...(loopMs !== undefined && { loopMs }), ...(floorMs !== undefined && { floorMs }) }),
        );
        for (const move of made) {
          if (move.kind === 'count') expect(move.by).toBe(given.weight);
          else {
            expect(move.times).toBe(given.weight);
            expect(move.seconds).toBeGreaterThanOrEqual(0);
            expect(move.seconds).toBeLessThanOrEqual(3_600);
          }
        }
        if (given.outcome !== 'delivered' && given.outcome !== 'retried') return;
        const measured = made.filter((move) => move.kind === 'observe' || move.series === 'impossible');
        const told = [loopMs, floorMs, ...Object.values(given.stages), ...given.hops].filter(
          (one) => one !== undefined,
        );
        expect(measured).toHaveLength(told.length);
      }),
    );
  });
});

describe('a message of ptp.latency', () => {
  it('is read with what it has', () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const given = { ...record({ ...figures, traceId, event: 'e1' }) };
    expect(read(given)).toEqual(given);
  });

  it.each<[string, object, Partial<LatencyRecord>]>([
    ['figures that cannot be', { loopMs: -1, stages: { post: 1e300 } }, { loopMs: -1, stages: { post: 1e300 } }],
    ['null for absent', { loopMs: null, stages: null, hops: null }, {}],
    ['no stages and hops', { stages: undefined, hops: undefined }, {}],
    ['a stage of a newer collector', { stages: { teleport: 1, post: 2 } }, { stages: { post: 2 } }],
    ['a hop of a newer collector', { hops: [{ hop: 'teleport', quality: 'exact', ms: 1 }] }, {}],
    ['a trace that is none', { traceId: 'XYZ' }, {}],
    ['the trace that W3C forbids', { traceId: '0'.repeat(32) }, {}],
    ['inherited names', { stages: { ['__proto__']: 3 } }, {}],
  ])('may have %s', (_, fields, expected) => {
    expect(read(fields)).toEqual(record(expected));
  });

  it.each<[string, object]>([
    ['another node than its subject', { node: 'n2' }],
    ['an unknown resource', { resource: '/sync/other' }],
    ['unknown traffic', { traffic: 'bus' }],
    ['an unknown outcome', { outcome: 'lost' }],
    ['no weight', { weight: undefined }],
    ['a weight of 0', { weight: 0 }],
    ['half a delivery', { weight: 1.5 }],
    ['a weight past all measure', { weight: 1_000_001 }],
    ['stages that are none', { stages: [1] }],
    ['words for numbers', { loopMs: 'NaN' }],
    ['null for a number', { stages: { post: null } }],
    ['more hops than there are', { hops: Array(17).fill(figures.hops[0]) }],
    ['hops that are none', { hops: [null] }],
    ['a novel in it', { event: 'x'.repeat(20_000) }],
  ])('is refused with %s', (_, fields) => {
    expect(() => read(fields)).toThrow(BadMessage);
  });

  it('is read or refused, whatever the bytes', () => {
    const bytes = fc.oneof(
      fc.uint8Array(),
      fc.json().map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(bytes, (given) => {
        expect(() => readLatencyRecord(given, 'n1')).toThrow(BadMessage);
      }),
    );
  });
});
