import { bus } from '../shared/contract/bus.js';
import { FakeClock } from '../../test/support/fakeClock.js';
import type { Sample } from './sample.js';
import { Nodes, type Instant } from './nodes.js';
import type { Written } from './nodeState.js';

const LOCK = bus.resources.lockState.path;
const GNSS = bus.resources.gnssSyncStatus.path;
const DAY_MS = 86_400_000;

let clock: FakeClock;
let nodes: Nodes;
beforeEach(() => {
  clock = new FakeClock();
  nodes = new Nodes({ maxNodes: 2, forgetAfterMs: DAY_MS });
  nodes.askedSince = clock.monotonic();
});

const at = (): Instant => ({ now: clock.now(), monotonic: clock.monotonic() });
const value = (sequence: number, clocks: Record<string, string>, path: string = LOCK): Map<string, Written> =>
  new Map([[path, { sequence, clocks: new Map(Object.entries(clocks)) }]]);
/** `n1 LOCKED 1`, without those that are 0. */
const described = (samples: Sample[]): string[] =>
  samples
    .filter(({ value: number }) => number !== 0)
    .map(({ labels, value: number }) =>
      [labels['node'], labels['state'], number].filter((one) => one !== undefined).join(' '),
    );

describe('the state of a node', () => {
  it('is the worst of its clocks, and 0 for the other words', () => {
    nodes.heard('n1', at());
    nodes.wrote('n1', value(1, { a: 'LOCKED', b: 'HOLDOVER' }), at());
    expect(nodes.states(at()).map(({ labels, value: number }) => [labels['state'], number])).toEqual([
      ['FREERUN', 0],
      ['HOLDOVER', 1],
      ['LOCKED', 0],
    ]);
  });

  it('has words of its own with GNSS', () => {
    nodes.heard('n1', at());
    nodes.wrote('n1', value(1, { a: 'SYNCHRONIZED', b: 'ACQUIRING-SYNC' }, GNSS), at());
    expect(described(nodes.states(at()))).toEqual(['n1 ACQUIRING-SYNC 1']);
  });

  it('is absent while its collector does not answer', () => {
    nodes.wrote('n1', value(1, { a: 'LOCKED' }), at());
    expect(nodes.states(at())).toEqual([]);
    nodes.heard('n1', at());
    clock.advance({ seconds: 25 });
    expect(described(nodes.states(at()))).toEqual(['n1 LOCKED 1']);
    clock.advance({ ms: 1 });
    expect(nodes.states(at())).toEqual([]);
  });

  it('is absent where no clock is known, and once its value was erased', () => {
    nodes.heard('n1', at());
    nodes.wrote('n1', value(1, {}), at());
    expect(nodes.states(at())).toEqual([]);
    nodes.wrote('n1', value(2, { a: 'LOCKED' }), at());
    nodes.erased('n1', at());
    expect(nodes.states(at())).toEqual([]);
  });

  it('follows events before the value does, and is not set back by one that was written earlier', () => {
    nodes.heard('n1', at());
    nodes.wrote('n1', value(1, { a: 'LOCKED' }), at());
    nodes.told('n1', LOCK, { sequence: 2, clock: 'a', word: 'HOLDOVER' }, at());
    nodes.told('n1', LOCK, { sequence: 2, clock: 'a', word: 'LOCKED' }, at());
    nodes.wrote('n1', value(1, { a: 'LOCKED' }), at());
    expect(described(nodes.states(at()))).toEqual(['n1 HOLDOVER 1']);
  });

  it('is what the value says when no event explains the difference any more', () => {
    nodes.wrote('n1', value(1, { a: 'LOCKED' }), at());
    nodes.told('n1', LOCK, { sequence: 10 ** 20, clock: 'a', word: 'FREERUN' }, at());
    clock.advance({ seconds: 10 });
    nodes.heard('n1', at());
    nodes.wrote('n1', value(1, { a: 'LOCKED' }), at());
    expect(described(nodes.states(at()))).toEqual(['n1 LOCKED 1']);
  });

  it('loses a clock with the event that forgets it', () => {
    nodes.heard('n1', at());
    nodes.wrote('n1', value(1, { a: 'LOCKED', b: 'FREERUN' }), at());
    nodes.told('n1', LOCK, { sequence: 2, clock: 'b', word: undefined }, at());
    expect(described(nodes.states(at()))).toEqual(['n1 LOCKED 1']);
  });
});

describe('the transitions of a node', () => {
  it('are changes of its worst state, not of every clock, and not the first state known', () => {
    nodes.wrote('n1', value(1, { a: 'LOCKED', b: 'LOCKED' }), at());
    const words: [string, string][] = [
      ['a', 'FREERUN'],
      ['b', 'FREERUN'],
      ['a', 'LOCKED'],
      ['b', 'LOCKED'],
      ['b', 'HOLDOVER'],
    ];
    words.forEach(([one, word], i) => nodes.told('n1', LOCK, { sequence: i + 2, clock: one, word }, at()));
    expect(described(nodes.transitions(at()))).toEqual(['n1 FREERUN 1', 'n1 HOLDOVER 1', 'n1 LOCKED 1']);
  });

  it('are counted once when value and event tell the same', () => {
    nodes.wrote('n1', value(1, { a: 'LOCKED' }), at());
    nodes.told('n1', LOCK, { sequence: 2, clock: 'a', word: 'FREERUN' }, at());
    nodes.wrote('n1', value(2, { a: 'FREERUN' }), at());
    expect(described(nodes.transitions(at()))).toEqual(['n1 FREERUN 1']);
  });

  it('are not invented by an event before all clocks are known', () => {
    nodes.told('n1', LOCK, { sequence: 1, clock: 'a', word: 'LOCKED' }, at());
    nodes.heard('n1', at());
    nodes.told('n1', LOCK, { sequence: 1, clock: 'a', word: 'LOCKED' }, at());
    nodes.wrote('n1', value(1, { a: 'LOCKED', b: 'FREERUN' }), at());
    expect(described(nodes.transitions(at()))).toEqual([]);
  });
});

describe('the seconds in a state', () => {
  it('are those in which the collector answered, by the monotonic clock', () => {
    nodes.heard('n1', at());
    nodes.wrote('n1', value(1, { a: 'LOCKED' }), at());
    clock.advance({ seconds: 10 });
    nodes.heard('n1', at());
    clock.advance({ seconds: 5 });
    nodes.told('n1', LOCK, { sequence: 2, clock: 'a', word: 'FREERUN' }, at());
    // Nothing is heard after 10 s: it counts as up until 35 s.
    clock.advance({ seconds: 1_000 });
    nodes.heard('n1', at());
    clock.advance({ seconds: 3 });
    expect(described(nodes.seconds(at()))).toEqual(['n1 FREERUN 23', 'n1 LOCKED 15']);
  });

  it('do not grow while nothing is known', () => {
    nodes.heard('n1', at());
    nodes.wrote('n1', value(1, { a: 'LOCKED' }), at());
    nodes.erased('n1', at());
    clock.advance({ seconds: 10 });
    expect(described(nodes.seconds(at()))).toEqual([]);
  });
});

const up = (): unknown[] => nodes.up(at()).map(({ value: number }) => number);

describe('a collector', () => {
  it('is up when it answered within 25 s, and gone when it was asked for so long in vain', () => {
    nodes.heard('n1', at());
    expect(up()).toEqual([1]);
    clock.advance({ ms: 25_001 });
    expect(up()).toEqual([0]);
    expect(nodes.lastSeen(at())[0]?.value).toBe((clock.now() - 25_001) / 1_000);
  });

  it('that wrote a value once and never answers is gone', () => {
    nodes.wrote('n1', value(1, {}), at());
    expect(up()).toEqual([]);
    clock.advance({ ms: 25_001 });
    expect(up()).toEqual([0]);
    expect(nodes.lastSeen(at())).toEqual([]);
  });

  it('is neither while the broker is away, and right after', () => {
    nodes.heard('n1', at());
    nodes.askedSince = undefined;
    clock.advance({ seconds: 60 });
    expect(up()).toEqual([]);
    nodes.askedSince = clock.monotonic();
    expect(up()).toEqual([]);
  });

  it('is forgotten with all its series, and known again when it answers', () => {
    nodes.heard('n1', at());
    nodes.wrote('n1', value(1, { a: 'LOCKED' }), at());
    clock.advance({ ms: DAY_MS + 1 });
    const now = at();
    const all = [nodes.up(now), nodes.lastSeen(now), nodes.states(now), nodes.seconds(now), nodes.transitions(now)];
    expect(all.flat()).toEqual([]);
    nodes.heard('n1', at());
    expect(described(nodes.states(at()))).toEqual(['n1 LOCKED 1']);
  });

  it('that ran for some seconds is forgotten after a minute, one that ran for an hour after an hour', () => {
    nodes.heard('n1', at());
    clock.advance({ seconds: 4 });
    nodes.heard('n1', at());
    clock.advance({ seconds: 60 });
    expect(up()).toEqual([0]);
    clock.advance({ ms: 1 });
    expect(up()).toEqual([]);

    for (let i = 0; i < 360; i += 1) {
      nodes.heard('n1', at());
      clock.advance({ seconds: 10 });
    }
    clock.advance({ seconds: 3_500 });
    expect(up()).toEqual([0]);
    clock.advance({ seconds: 200 });
    expect(up()).toEqual([]);
  });

  it('that comes and goes within minutes is remembered from its first time on', () => {
    for (let i = 0; i < 12; i += 1) {
      nodes.heard('n1', at());
      clock.advance({ seconds: 300 });
    }
    expect(up()).toEqual([0]);
  });

  it('that ran twice for some seconds, hours apart, is forgotten after a minute each time', () => {
    for (let i = 0; i < 2; i += 1) {
      nodes.heard('n1', at());
      clock.advance({ seconds: 18_000 });
    }
    nodes.heard('n1', at());
    clock.advance({ seconds: 61 });
    expect(up()).toEqual([]);
  });

  it('that is known by its value alone is remembered for as long as that says it had lived', () => {
    nodes.wrote('n1', value(1, {}), at(), 4_000);
    nodes.wrote('n2', value(1, {}), at());
    clock.advance({ seconds: 61 });
    expect(nodes.up(at()).map(({ labels }) => labels['node'])).toEqual(['n2']);
  });

  it('that was deleted on purpose has no series as soon as it is not up, until it answers again', () => {
    nodes.heard('n1', at());
    clock.advance({ seconds: 3_000 });
    nodes.heard('n1', at());
    nodes.forgotten('n1', at());
    expect(up()).toEqual([1]);
    clock.advance({ seconds: 26 });
    expect(nodes.up(at())).toEqual([]);
    expect(nodes.lastSeen(at())).toEqual([]);
    nodes.heard('n1', at());
    expect(up()).toEqual([1]);
  });

  it('whose value is gone without such a sign is missed as before', () => {
    nodes.heard('n1', at());
    clock.advance({ seconds: 3_000 });
    nodes.heard('n1', at());
    nodes.erased('n1', at());
    clock.advance({ seconds: 26 });
    expect(up()).toEqual([0]);
  });

  it('is one too many past the limit, until another is forgotten', () => {
    expect([nodes.heard('n1', at()), nodes.heard('n2', at()), nodes.heard('n3', at())]).toEqual([true, true, false]);
    expect(nodes.wrote('n3', value(1, {}), at())).toBe(false);
    clock.advance({ ms: DAY_MS });
    nodes.heard('n2', at());
    clock.advance({ ms: 1 });
    expect(nodes.heard('n3', at())).toBe(true);
    expect(nodes.up(at()).map(({ labels }) => labels['node'])).toEqual(['n2', 'n3']);
  });
});
