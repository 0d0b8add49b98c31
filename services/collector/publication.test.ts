import { setImmediate as turn } from 'node:timers/promises';
import { FakeClock } from '../../test/support/fakeClock.js';
import { FineClock } from '../shared/clock.js';
import { Journeys } from './journeys.js';
import type { Departure } from './latency/hops.js';
import { Outbox, type Outgoing, type Sent } from './outbox.js';
import { parseConfigFile } from './parse/configFile.js';
import { parse } from './parse/line.js';
import { Publication } from './publication.js';
import { NodeClocks } from './state/nodeClocks.js';
import type { Change } from './state/change.js';

const LINE = 'ptp4l[999.500]: [ptp4l.0.config] master offset 17 s2 freq -5120 path delay 3';
const NOTHING = { state: undefined, lastEvents: new Map(), lastClocks: new Map(), unreached: new Map() };

/** A publication whose events go nowhere, and what was measured of them. */
function world(answer: () => Sent = () => 'stored') {
  const clock = new FakeClock();
  const left: Departure[] = [];
  const stored: Outgoing[] = [];
  const loop = { sent: (one: Departure) => void left.push(one), stored: () => undefined, dropped: () => undefined };
  const journeys = new Journeys({ nodeName: 'n1', clock, fine: new FineClock(clock), tracing: undefined, loop });
  const clocks = new NodeClocks();
  clocks.setConfigFile('ptp4l.0.config', parseConfigFile('#profile: p\n[ens1f0]\n'));
  const names = { node: 'n1', alias: (iface: string) => iface };
  const publication = new Publication({
    clocks,
    names,
    clock,
    journeys,
    bootId: '',
    limit: 100,
    onAnnounced: () => undefined,
  });
  const outbox = new Outbox({
    clock,
    limit: 100,
    send: ({ journey }) => {
      journeys.attempt(journey);
      return Promise.resolve(answer());
    },
    onStored(event) {
      stored.push(event);
      publication.onStored(event);
    },
    onDropped: (event) => publication.onDropped(event),
  });
  const now = () => ({ now: clock.now(), monotonic: clock.monotonic() });
  const changes = (line = LINE): readonly Change[] => {
    const seen = parse(line);
    return typeof seen === 'string' ? [] : clocks.observe(seen, now()).changes;
  };
  return { clock, left, stored, publication, outbox, now, changes };
}

describe('a change', () => {
  it('is measured from the line that told it', () => {
    const { clock, left, publication, outbox, now, changes } = world();
    publication.open(outbox, NOTHING, now());
    const at = { ...now(), stampMs: 999_500 };
    const told = changes();
    clock.advance({ ms: 2 });
    publication.publish(told, at);
    expect(left).toMatchObject([
      { readMs: 1_000_000, emitMs: 500, parseMs: 2, enqueueMs: 0, sentMs: 1_000_002 },
      { readMs: 1_000_000, emitMs: 500, parseMs: 2, enqueueMs: 0, sentMs: 1_000_002 },
    ]);
  });

  it('that is held back until the bus is open waits, and takes no longer to parse', () => {
    const { clock, left, publication, outbox, now, changes } = world();
    const at = now();
    const told = changes();
    clock.advance({ ms: 2 });
    publication.publish(told, at);
    clock.advance({ seconds: 60 });
    publication.open(outbox, NOTHING, now());
    expect(left).toMatchObject([
      { readMs: 1_000_000, emitMs: undefined, parseMs: 2, enqueueMs: 60_000 },
      { readMs: 1_000_000, emitMs: undefined, parseMs: 2, enqueueMs: 60_000 },
    ]);
  });
});

const sequenceOf = ({ body }: Outgoing): number => Number((JSON.parse(body) as { sequence: string }).sequence);

describe('the newest state of a clock that the bus was never given', () => {
  it('is told again, as another event, until the bus has it', async () => {
    let answer: Sent = 'refused';
    const { clock, left, stored, publication, outbox, now, changes } = world(() => answer);
    publication.open(outbox, NOTHING, now());
    publication.publish(changes(), now());
    await turn();
    expect(left).toHaveLength(2);
    clock.advance({ seconds: 60 });
    await turn();
    expect(left).toHaveLength(4);
    answer = 'stored';
    clock.advance({ seconds: 60 });
    await turn();
    expect(stored.map(({ subject }) => subject.split('.').at(-1))).toEqual(['lock-state', 'sync-state']);
    expect(new Set(left.map(({ id }) => id)).size).toBe(6);
    expect(stored.map(sequenceOf)).toEqual([now().now - 120_000 + 2, now().now - 120_000 + 2]);
    clock.advance({ seconds: 600 });
    await turn();
    expect(left).toHaveLength(6);
  });

  it('is not told again when there is a newer one', async () => {
    let answer: Sent = 'refused';
    const { clock, left, stored, publication, outbox, now, changes } = world(() => answer);
    publication.open(outbox, NOTHING, now());
    publication.publish(changes(), now());
    await turn();
    answer = 'stored';
    publication.publish(changes(LINE.replace('offset 17', 'offset 5000')), now());
    await turn();
    clock.advance({ seconds: 600 });
    await turn();
    expect(stored).toHaveLength(2);
    expect(left).toHaveLength(4);
  });
});
