import fc from 'fast-check';
import type { Stage } from '../../shared/messages.js';
import { onAxis, type Axis } from './axis.js';
import type { HopRow, Quality } from './journey.js';

const STAGES = ['emit', 'parse', 'enqueue', 'publish', 'broker', 'queue', 'retry', 'post'] as const;
const place = { from: 'a', to: 'b' };

const us = (ms: number): number => Math.round(ms * 1_000);

type Figure = number | [ms: number | undefined, quality: Quality | undefined];
type Figures = { [Hop in Stage]?: Figure | undefined };

const rowsOf = (figures: Figures): HopRow[] =>
  STAGES.map((hop) => {
    const figure = figures[hop];
    const [ms, quality] = Array.isArray(figure) ? figure : ([figure, figure === undefined ? figure : 'exact'] as const);
    return { hop, ...place, ...(ms !== undefined && { ms }), ...(quality !== undefined && { quality }) };
  });

const starts = ({ hops }: Axis): Figures =>
  Object.fromEntries(hops.flatMap(({ hop, startMs }) => (startMs === undefined ? [] : [[hop, startMs]])));

const KNOWN = { parse: 0.1, enqueue: 0.2, publish: 1.2, broker: 0.9, queue: 0.3, retry: 0, post: 2.1 };

describe('the time axis of a delivery', () => {
  it('has its hops one after another, publish beside broker, emit before the start, and a gap up to the loop’s end', () => {
    const axis = onAxis(rowsOf({ emit: 0.4, ...KNOWN }), 9.5);
    expect(starts(axis)).toEqual({
      emit: -0.4,
      parse: 0,
      enqueue: 0.1,
      publish: 0.3,
      broker: 0.3,
      queue: 1.2,
      retry: 1.5,
      post: 1.5,
    });
    expect(axis).toMatchObject({ totalMs: 9.5, coveredMs: 3.6, unaccountedMs: 5.9, gaps: [{ startMs: 3.6, ms: 5.9 }] });
  });

  it('has its gap where the hop is that nobody knows', () => {
    const axis = onAxis(rowsOf({ ...KNOWN, publish: undefined, broker: [8, 'suspect'] }), 9.5);
    expect(starts(axis)).toEqual({ parse: 0, enqueue: 0.1, queue: 7.1, retry: 7.4, post: 7.4 });
    expect(axis.gaps).toEqual([{ startMs: 0.3, ms: 6.8 }]);
  });

  it('counts as covered what publish tells of the time before an unknown hop’s end', () => {
    const axis = onAxis(rowsOf({ ...KNOWN, broker: undefined }), 9.5);
    expect(axis.gaps).toEqual([{ startMs: 1.5, ms: 5.6 }]);
  });

  it('has nothing after the total: a late ack changes it in no way', () => {
    const axis = onAxis(rowsOf({ ...KNOWN, publish: 5_000 }), 9.5);
    expect(axis).toMatchObject({ totalMs: 9.5, coveredMs: 9.5, unaccountedMs: 0, gaps: [] });
  });

  it('does not believe two clocks where they contradict the loop of one', () => {
    const axis = onAxis(rowsOf({ ...KNOWN, broker: [8, 'derived'] }), 9.5);
    expect(axis.hops.find(({ hop }) => hop === 'broker')).toEqual({
      hop: 'broker',
      ...place,
      ms: 8,
      quality: 'suspect',
    });
    expect(axis).toMatchObject({ coveredMs: 3.9, unaccountedMs: 5.6 });
  });

  it('is the sum of what is known where no loop was closed', () => {
    expect(onAxis(rowsOf(KNOWN), undefined)).toMatchObject({
      totalMs: 3.6,
      coveredMs: 3.6,
      unaccountedMs: 0,
      gaps: [],
    });
    expect(onAxis(rowsOf({ ...KNOWN, broker: [5, 'suspect'] }), undefined)).toMatchObject({ totalMs: 2.7, gaps: [] });
    expect(onAxis(rowsOf({}), undefined)).toMatchObject({ totalMs: 0, coveredMs: 0, unaccountedMs: 0, gaps: [] });
  });

  it('adds up: the union of the hops and the gaps are the total, whatever is known, missing, suspect or contradictory', () => {
    const micros = fc.oneof(fc.integer({ min: 0, max: 50_000 }), fc.integer({ min: 0, max: 366 * 86_400_000_000 }));
    const ms = micros.map((value) => value / 1_000);
    const figure = fc.oneof(
      fc.constant<[undefined, undefined]>([undefined, undefined]),
      fc.tuple(fc.option(ms, { nil: undefined }), fc.constant<Quality>('suspect')),
      fc.tuple(ms, fc.constantFrom<Quality>('exact', 'derived')),
    );
    const figures = fc.record(Object.fromEntries(STAGES.map((hop) => [hop, figure])));
    fc.assert(
      fc.property(figures, fc.option(ms, { nil: undefined }), (given, loopMs) => {
        const axis = onAxis(rowsOf(given), loopMs);
        const total = us(axis.totalMs);
        // Counted in another way: every moment between two marks is in a hop, or in a gap, and never in both.
        const hops = axis.hops.flatMap(({ startMs, ms: took = 0 }): [number, number][] =>
          startMs === undefined ? [] : [[us(startMs), us(startMs) + us(took)]],
        );
        const gaps = axis.gaps.map(({ startMs, ms: took }): [number, number] => [us(startMs), us(startMs) + us(took)]);
        const marks = [0, total, ...hops.flat(), ...gaps.flat()]
          .filter((at) => at >= 0 && at <= total)
          .toSorted((a, b) => a - b);
        let covered = 0;
        let missing = 0;
        for (const [i, from] of marks.slice(0, -1).entries()) {
          const to = marks[i + 1] ?? from;
          if (to === from) continue;
          const isIn = ([start, end]: [number, number]): boolean => start <= from && to <= end;
          expect(hops.some(isIn)).not.toBe(gaps.some(isIn));
          if (hops.some(isIn)) covered += to - from;
          else missing += to - from;
        }
        expect(covered + missing).toBe(total);
        expect([us(axis.coveredMs), us(axis.unaccountedMs)]).toEqual([covered, missing]);
        if (loopMs !== undefined) expect(axis.totalMs).toBe(loopMs);
        for (const { hop, startMs, ms: took = 0, quality } of axis.hops) {
          expect(startMs === undefined).toBe(quality === undefined || quality === 'suspect');
          if (startMs === undefined || hop === 'emit' || hop === 'publish') continue;
          expect(startMs).toBeGreaterThanOrEqual(0);
          expect(us(startMs) + us(took)).toBeLessThanOrEqual(total);
        }
      }),
      { numRuns: 500 },
    );
  });
});
