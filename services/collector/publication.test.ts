import { FakeClock } from '../../test/support/fakeClock.js';
import { FineClock } from '../shared/clock.js';
import { bus } from '../shared/contract/bus.js';
import type { PtpEvent } from '../shared/event.js';
import { Journeys } from './journeys.js';
import type { Departure } from './latency/hops.js';
import { Outbox, type Outgoing, type Sent } from './outbox.js';
import { parseConfigFile } from './parse/configFile.js';
import { parse } from './parse/line.js';
import { Publication } from './publication.js';
import { NodeClocks } from './state/nodeClocks.js';
import type { Change } from './state/change.js';

const line = (ns: number): string => `ptp4l[999.500]: [ptp4l.0.config] master offset ${ns} s2 freq -5120 path delay 3`;
const NOTHING = { state: undefined, lastEvents: new Map(), lastClocks: new Map(), unreached: new Map() };

/** A publication whose events go nowhere, and what was measured of them. */
function world() {
  const clock = new FakeClock();
  const left: Departure[] = [];
  const sent: Outgoing[] = [];
  const answers: Sent[] = [];
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
    send: (event) => {
      journeys.attempt(event.journey);
      sent.push(event);
      return Promise.resolve(answers.shift() ?? 'stored');
    },
    onStored: (event) => publication.onStored(event),
    onDropped: (event) => publication.onDropped(event),
  });
  const now = () => ({ now: clock.now(), monotonic: clock.monotonic() });
  const changes = (ns = 17): readonly Change[] => {
    const seen = parse(line(ns));
    return typeof seen === 'string' ? [] : clocks.observe(seen, now()).changes;
  };
  return { clock, left, sent, answers, publication, outbox, now, changes };
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

const statesOf = (publication: Publication): string[] =>
  publication
    .nodeState(0)
    .resources.find(({ resource }) => resource === bus.resources.lockState.path)
    ?.clocks.map(({ state }) => state) ?? [];
const tellsOf = (events: readonly Outgoing[]): string[] =>
  events.map(({ body }) => (JSON.parse(body) as PtpEvent).data.values[0]?.value ?? '');

describe('the newest state of a clock that was refused', () => {
  it('is not written down as known to the bus, and is told again as another event', async () => {
    const { clock, sent, answers, publication, outbox, now, changes } = world();
    publication.open(outbox, NOTHING, now());
    publication.publish(changes(), now());
    await outbox.drained();
    expect(statesOf(publication)).toEqual(['LOCKED']);
    answers.push('refused', 'stored');
    publication.publish(changes(5_000), now());
    await outbox.drained();
    // A collector that is started again must find that the bus has not been told.
    expect(statesOf(publication)).toEqual(['LOCKED']);
    const { length } = sent;
    clock.advance({ seconds: 60 });
    await outbox.drained();
    expect(statesOf(publication)).toEqual(['FREERUN']);
    expect(tellsOf(sent.slice(length))).toEqual(['FREERUN']);
    expect(new Set(sent.map(({ id }) => id)).size).toBe(sent.length);
    clock.advance({ seconds: 600 });
    expect(sent.length).toBe(length + 1);
  });

  it('is not told again once there is a newer one', async () => {
    const { clock, sent, answers, publication, outbox, now, changes } = world();
    publication.open(outbox, NOTHING, now());
    answers.push('refused', 'refused');
    publication.publish(changes(), now());
    await outbox.drained();
    expect(statesOf(publication)).toEqual([]);
    publication.publish(changes(5_000), now());
    await outbox.drained();
    const { length } = sent;
    clock.advance({ seconds: 600 });
    expect([sent.length, statesOf(publication)]).toEqual([length, ['FREERUN']]);
  });
});
