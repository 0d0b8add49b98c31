import { FakeClock } from '../../test/support/fakeClock.js';
import { FineClock } from '../shared/clock.js';
import { Journeys } from './journeys.js';
import type { Departure } from './latency/hops.js';
import { Outbox } from './outbox.js';
import { parseConfigFile } from './parse/configFile.js';
import { parse } from './parse/line.js';
import { Publication } from './publication.js';
import { NodeClocks } from './state/nodeClocks.js';
import type { Change } from './state/change.js';

const LINE = 'ptp4l[999.500]: [ptp4l.0.config] master offset 17 s2 freq -5120 path delay 3';
const NOTHING = { state: undefined, lastEvents: new Map(), lastClocks: new Map(), unreached: new Map() };

/** A publication whose events go nowhere, and what was measured of them. */
function world() {
  const clock = new FakeClock();
  const left: Departure[] = [];
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
      return Promise.resolve('stored');
    },
    onStored: () => undefined,
    onDropped: () => undefined,
  });
  const now = () => ({ now: clock.now(), monotonic: clock.monotonic() });
  const changes = (): readonly Change[] => {
    const seen = parse(LINE);
    return typeof seen === 'string' ? [] : clocks.observe(seen, now()).changes;
  };
  return { clock, left, publication, outbox, now, changes };
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
