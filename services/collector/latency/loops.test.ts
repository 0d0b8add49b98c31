import fc from 'fast-check';
import type { DeliveryReceipt, LatencyRecord, TailReceipt } from '../../shared/messages.js';
import type { Departure } from './hops.js';
import { Loops, type Finding, type LoopLimits } from './loops.js';
import type { ReceivedReceipt } from './received.js';

const NODE = 'compute-1';
const LOCK_STATE = '/sync/ptp-status/lock-state';
const topic = { resource: LOCK_STATE, traffic: 'event' } as const;
/** Both wall clocks show this when the monotonic one shows 0, unless a test steps them. */
const WALL_MS = Date.parse('2026-03-01T12:00:00.000Z');

/** A collector and gateways whose time the test tells. */
class World {
  readonly loops: Loops;
  readonly records: LatencyRecord[] = [];
  nowMs = 1_000;

  constructor(limits?: LoopLimits) {
    this.loops = new Loops(NODE, limits);
  }

  pass(ms: number): this {
    const end = this.nowMs + ms;
    for (let next = this.loops.nextDeadline(); next !== undefined && next <= end; next = this.loops.nextDeadline()) {
      this.nowMs = next;
      this.#take(this.loops.timePassed(next));
    }
    this.nowMs = end;
    return this;
  }

  /** Read 1.5 ms ago, 1 ms of it parsed; linuxptp wrote it 2 ms before that. */
  send(id: string, more: Partial<Departure> = {}): this {
    const { nowMs } = this;
    const times = {
      readMs: nowMs - 1.5,
      emitMs: 2,
      parseMs: 1,
      enqueueMs: 0.5,
      sentMs: nowMs,
      sentAtMs: WALL_MS + nowMs,
    };
    this.#take(
      this.loops.sent({ id, resource: LOCK_STATE, traffic: 'event', traceparent: undefined, ...times, ...more }),
    );
    return this;
  }

  ack(id: string): this {
    this.#take(this.loops.stored(id, this.nowMs));
    return this;
  }

  report(scope = 'cluster'): this {
    this.loops.gatewayReported(scope, this.nowMs);
    return this;
  }

  tail(event: string, matches: number, more: Partial<TailReceipt> = {}, who: Partial<ReceivedReceipt> = {}): this {
    const tail = { matches, receivedAtMs: WALL_MS + this.nowMs, stalledMs: 0, others: 0, otherMatches: 0, ...more };
    return this.#receive({ ...sender(event), ...who, tail } as ReceivedReceipt);
  }

  deliver(
    event: string,
    subscription: string,
    more: Partial<DeliveryReceipt> = {},
    who: Partial<ReceivedReceipt> = {},
  ): this {
    const { outcome = 'delivered' } = more;
    const delivery = { subscription, outcome, attempts: 1, queueMs: 0.25, retryMs: 0, postMs: 3, weight: 1, ...more };
    return this.#receive({ ...sender(event), ...who, delivery } as ReceivedReceipt);
  }

  /** `delivered 2` of each record, in order. */
  get told(): string[] {
    return this.records.map(
      ({ outcome, weight, loopMs }) => `${outcome} ${weight}${loopMs === undefined ? '' : ' loop'}`,
    );
  }

  #receive(receipt: ReceivedReceipt): this {
    this.#take(this.loops.received(receipt, this.nowMs));
    return this;
  }

  #take(findings: Finding[]): void {
    this.records.push(...findings.map(({ record }) => record));
  }
}

const sender = (event: string): Pick<ReceivedReceipt, 'event' | 'scope' | 'gateway' | 'topic' | 'heldMs'> => ({
  event,
  scope: 'cluster',
  gateway: 'g1',
  topic,
  heldMs: 0,
});

/** Deliveries that such records stand for. */
const sum = (records: LatencyRecord[], pick: (record: LatencyRecord) => boolean): number =>
  records.filter(pick).reduce((total, { weight }) => total + weight, 0);

describe('a delivery that is confirmed', () => {
  it('closes its loop: bounds, stages and hops', () => {
    const world = new World()
      .send('e')
      .pass(0.75)
      .tail('e', 1, { receivedAtMs: WALL_MS + 1_000.25 });
    world.pass(0.25).ack('e').pass(4).deliver('e', 's');
    expect(world.records).toEqual([
      {
        node: NODE,
        resource: LOCK_STATE,
        traffic: 'event',
        event: 'e',
        outcome: 'delivered',
        weight: 1,
        loopMs: 6.5,
        floorMs: 4.75,
        stages: { emit: 2, parse: 1, enqueue: 0.5, publish: 1, broker: 0.25, queue: 0.25, retry: 0, post: 3 },
        hops: [
          { hop: 'broker', quality: 'derived', ms: 0.25 },
          { hop: 'receipt', quality: 'derived', ms: 0.5 },
          { hop: 'post', quality: 'exact', ms: 3 },
        ],
      },
    ]);
    expect(world.pass(400_000).told).toEqual(['delivered 1 loop']);
    expect(world.loops.size).toEqual({ events: 0, subscriptions: 0 });
  });

  it('waits with its record for the ack, but not with its figures', () => {
    const world = new World().send('e').pass(1).tail('e', 1).pass(4).deliver('e', 's');
    expect(world.told).toEqual([]);
    world.pass(200).ack('e');
    expect(world.records[0]).toMatchObject({ loopMs: 6.5, stages: { publish: 205 } });
  });

  it('took no longer because the gateway held its receipts back', () => {
    const world = new World()
      .send('e')
      .ack('e')
      .pass(5)
      .tail('e', 1, { receivedAtMs: WALL_MS + 1_000.25 }, { heldMs: 4 });
    world.pass(1_000).deliver('e', 's', {}, { heldMs: 999 });
    expect(world.records[0]).toMatchObject({
      loopMs: 7.5,
      hops: [
        { hop: 'broker', quality: 'derived', ms: 0.25 },
        { hop: 'receipt', quality: 'derived', ms: 0.75 },
        { hop: 'post', quality: 'exact', ms: 3 },
      ],
    });
  });

  it('took as long as it did when the gateway says it held its receipt for longer than that', () => {
    const world = new World().send('e').ack('e').tail('e', 1).pass(5).deliver('e', 's', {}, { heldMs: 5.001 });
    expect(world.records[0]?.loopMs).toBe(6.5);
  });

  it('says which trace it belongs to', () => {
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const world = new World().send('e', { traceparent }).ack('e').deliver('e', 's');
    expect(world.records[0]).toMatchObject({ traceId: 'a'.repeat(32), hops: [{ hop: 'post' }] });
  });

  it('has waited in the queue of a gateway that did not look', () => {
    const world = new World().send('e').ack('e').pass(200.5).tail('e', 1, { stalledMs: 200 }).pass(3).deliver('e', 's');
    expect(world.records[0]).toMatchObject({ stages: { broker: 0.5, queue: 200.25 }, floorMs: 4.75 });
  });

  it('was not in the queue for longer than it has been on the way', () => {
    const world = new World().send('e').ack('e').pass(5).tail('e', 1, { stalledMs: 2_000 }).pass(3).deliver('e', 's');
    expect(world.records[0]).toMatchObject({ stages: { broker: 0, queue: 5.25 } });
  });

  it.each([
    ['the gateway is an hour ahead', 0, 3_600_000],
    ['the gateway is an hour behind', 0, -3_600_000],
    ['the collector is an hour ahead', 3_600_000, 0],
    ['the collector is an hour behind', -3_600_000, 0],
    ['the gateway is a microsecond behind what is possible', 0, -1.001],
  ])('has the same bounds when %s, and its hops are suspect', (_, collectorMs, gatewayMs) => {
    const sentAtMs = WALL_MS + 1_000 + collectorMs;
    const world = new World().send('e', { sentAtMs }).ack('e').pass(1);
    world
      .tail('e', 1, { receivedAtMs: WALL_MS + world.nowMs + gatewayMs })
      .pass(4)
      .deliver('e', 's');
    expect(world.records[0]).toMatchObject({
      loopMs: 6.5,
      floorMs: 4.75,
      stages: { emit: 2, parse: 1, enqueue: 0.5, publish: 0, broker: 1, queue: 0.25, retry: 0, post: 3 },
      hops: [
        { hop: 'broker', quality: 'suspect', ms: 1 },
        { hop: 'receipt', quality: 'suspect', ms: 1 },
        { hop: 'post', quality: 'exact', ms: 3 },
      ],
    });
  });

  it('knows the way to the gateway that delivered it, not to one that was before', () => {
    const world = new World().send('e').ack('e').pass(1).tail('e', 2).deliver('e', 's');
    world.deliver('e', 't', {}, { gateway: 'g2' });
    world.pass(3_000).tail('e', 2, {}, { gateway: 'g2' }).deliver('e', 'u', {}, { gateway: 'g2' });
    expect(world.records.map(({ stages }) => stages.broker)).toEqual([1, undefined, 3_001]);
  });

  it.each(['dead_letter', 'too_old'] as const)('counts as %s, without a loop', (outcome) => {
    const world = new World().send('e').ack('e').tail('e', 1).deliver('e', 's', { outcome });
    expect(world.records).toMatchObject([{ outcome, weight: 1, stages: {}, hops: [] }]);
    expect(world.pass(400_000).told).toEqual([`${outcome} 1`]);
  });

  it('is a duplicate the second time, per scope', () => {
    const world = new World().send('e').ack('e').tail('e', 1).deliver('e', 's').deliver('e', 's');
    world.deliver('e', 's', {}, { scope: 'sidecar' });
    expect(world.told).toEqual(['delivered 1 loop', 'duplicate 1', 'delivered 1 loop']);
  });

  it('counts without a loop when the event is not known', () => {
    const world = new World().deliver('never', 's', { outcome: 'retried', queueMs: undefined as never });
    expect(world.records).toEqual([
      {
        node: NODE,
        resource: LOCK_STATE,
        traffic: 'event',
        event: 'never',
        outcome: 'retried',
        weight: 1,
        stages: { retry: 0, post: 3 },
        hops: [{ hop: 'post', quality: 'exact', ms: 3 }],
      },
    ]);
    expect(world.loops.counts.unknown_event).toBe(1);
  });

  it('counts without a loop five minutes after its line was read', () => {
    const world = new World().send('e').ack('e').tail('e', 1).deliver('e', 's').pass(300_000).deliver('e', 't');
    expect(world.told).toEqual(['delivered 1 loop', 'delivered 1']);
  });

  it('closes a long loop when the event waited for the bus for longer than it is known', () => {
    const world = new World().send('e', { readMs: -599_000 }).ack('e').tail('e', 1).pass(5).deliver('e', 's');
    expect(world.records[0]?.loopMs).toBe(600_005);
  });
});

describe('a delivery that is not confirmed', () => {
  it('is unconfirmed 30 s after the ack, and never closed 5 min after the line was read', () => {
    const world = new World().send('e').pass(2).ack('e').tail('e', 3).deliver('e', 's').pass(29_999);
    expect(world.told).toEqual(['delivered 1 loop']);
    expect(world.pass(1).told.slice(1)).toEqual(['unconfirmed 2']);
    world.deliver('e', 't').pass(270_000 - 4);
    expect(world.told.slice(2)).toEqual(['delivered 1 loop']);
    expect(world.pass(1).told.slice(3)).toEqual(['never_closed 1']);
    expect(world.records[3]).toEqual({
      node: NODE,
      resource: LOCK_STATE,
      traffic: 'event',
      event: 'e',
      outcome: 'never_closed',
      weight: 1,
      stages: {},
      hops: [],
    });
  });

  it.each([
    ['no gateway lives', (world: World) => world, []],
    ['the last report is too old', (world: World) => world.report().pass(1), []],
    ['a gateway lives', (world: World) => world.pass(1).report(), ['unconfirmed 1', 'never_closed 1']],
  ])('for want of a tail receipt, when %s', (_, before, told) => {
    const world = before(new World().send('e').ack('e').pass(14_999)).pass(15_000);
    expect(world.pass(400_000).told).toEqual(told);
  });

  it('is not missed by a gateway that has never read events of this node', () => {
    const world = new World().send('e').ack('e').report('elsewhere').tail('e', 0).pass(29_000).report('elsewhere');
    expect(world.pass(400_000).told).toEqual([]);
  });

  it('is missed by a scope that reads others', () => {
    const world = new World().send('d').ack('d').tail('d', 0).tail('d', 0, {}, { scope: 'b' });
    world.send('e').ack('e').tail('e', 0).pass(29_000).report('cluster').report('b');
    expect(world.pass(1_000).told).toEqual(['unconfirmed 1']);
    // It was late only.
    expect(world.tail('e', 0, {}, { scope: 'b' }).pass(400_000).told).toEqual(['unconfirmed 1']);
  });

  it('is forgotten with an event that never reached the bus', () => {
    const world = new World().send('e').report();
    world.loops.dropped('e');
    expect(world.pass(400_000).told).toEqual([]);
    expect(world.loops.size.events).toBe(0);
  });
});

describe('sampled receipts', () => {
  it('confirm what they stand for', () => {
    const world = new World().send('a').ack('a').send('b').ack('b');
    world.tail('a', 10).tail('b', 10);
    world.deliver('a', 's').deliver('b', 't', { weight: 19 });
    expect(world.pass(400_000).told).toEqual(['delivered 1 loop', 'delivered 19 loop']);
  });

  it('leave unconfirmed what is missing in all', () => {
    const world = new World().send('a').ack('a').send('b').ack('b');
    world.tail('a', 10).tail('b', 10).deliver('a', 's').deliver('b', 't', { weight: 16 });
    expect(world.pass(30_000).told.slice(2)).toEqual(['unconfirmed 3']);
    expect(world.deliver('b', 'u', { weight: 3 }).pass(400_000).told.slice(3)).toEqual(['delivered 3 loop']);
  });

  it('of the tail stand for events without one of their own', () => {
    const world = new World();
    for (const id of ['a', 'b', 'c']) world.send(id).ack(id);
    world.report().tail('c', 1, { others: 2, otherMatches: 5 }).pass(20_000).report();
    world.deliver('a', 's').deliver('a', 't').deliver('c', 's', { weight: 4 });
    expect(world.pass(400_000).told).toEqual(['delivered 1 loop', 'delivered 1 loop', 'delivered 4 loop']);
  });

  it('of the tail make those events due', () => {
    const world = new World();
    for (const id of ['a', 'b', 'c']) world.send(id).ack(id);
    world.report().tail('c', 1, { others: 2, otherMatches: 5 }).pass(20_000).report();
    world.deliver('a', 's').deliver('c', 's');
    expect(world.pass(400_000).told.slice(2)).toEqual(['unconfirmed 4', 'never_closed 4']);
  });

  it('are not hoarded for more than a minute', () => {
    const world = new World().deliver('never', 's', { weight: 10 }).pass(62_000).send('e').ack('e').tail('e', 5);
    expect(world.pass(30_000).told.slice(1)).toEqual(['unconfirmed 5']);
  });

  it('are not counted twice where the one that was stood for comes by name later', () => {
    const world = new World().send('a').ack('a').send('b').ack('b').tail('a', 1).tail('b', 2);
    world.deliver('b', 's', { weight: 2 }).pass(30_000);
    // The pool has paid for a; what came for a belongs to b.
    expect(world.told.slice(1)).toEqual(['unconfirmed 1']);
    expect(world.deliver('a', 't').pass(400_000).told.slice(2)).toEqual(['delivered 1 loop']);
  });

  it('count fully when one of them repeats another', () => {
    const world = new World().send('a').ack('a').tail('a', 3).deliver('a', 's').deliver('a', 's', { weight: 3 });
    expect(world.pass(400_000).told).toEqual(['delivered 1 loop', 'duplicate 1', 'delivered 2 loop']);
  });
});

describe('what is remembered', () => {
  it('is bounded, the oldest is forgotten and counted', () => {
    const world = new World({ events: 2, subscriptions: 3 });
    for (const id of ['a', 'b', 'c']) world.send(id).ack(id).tail(id, 2).deliver(id, 's').deliver(id, 't');
    expect(world.loops.size.events).toBe(2);
    expect(world.loops.size.subscriptions).toBeLessThanOrEqual(3);
    expect(world.loops.counts).toMatchObject({ event_forgotten: 1, subscription_forgotten: 1 });
    expect(world.deliver('a', 'u').told.at(-1)).toBe('delivered 1');
  });

  it('includes a bounded number of scopes, of which those are forgotten that are silent', () => {
    const world = new World().send('e').ack('e');
    for (let i = 0; i < 300; i += 1) world.tail('e', 0, {}, { scope: `s${i}` });
    expect(world.loops.counts.scope_forgotten).toBe(44);
    world.pass(300_001).send('f').ack('f').deliver('f', 's', {}, { scope: 'new' });
    expect(world.told).toEqual(['delivered 1 loop']);
  });

  it('includes so many scopes of an event that all events have some', () => {
    const world = new World({ events: 2, subscriptions: 100 });
    for (const id of ['a', 'b']) world.send(id).ack(id);
    for (let i = 0; i < 10; i += 1) world.deliver('a', 's', {}, { scope: `s${i}` }).tail('b', 1);
    expect(world.told.slice(6)).toEqual(['delivered 1 loop', 'delivered 1', 'delivered 1', 'delivered 1']);
    expect(world.loops.counts.scope_forgotten).toBe(3);
    expect(world.pass(400_000).loops.size).toEqual({ events: 0, subscriptions: 0 });
    expect(world.send('c').ack('c').deliver('c', 's').told.at(-1)).toBe('delivered 1 loop');
  });

  it('gives receipts that overtook the ack when there is no room to wait', () => {
    const world = new World({ events: 1, subscriptions: 10 }).send('a').tail('a', 1).deliver('a', 's').send('b');
    expect(world.records).toMatchObject([{ event: 'a', outcome: 'delivered', loopMs: 1.5 }]);
    expect(world.records[0]?.stages).not.toHaveProperty('publish');
  });
});

describe('whatever receipts come, in whatever order and sampled however', () => {
  /** What a gateway does with one event: subscriptions that match, and how long each delivery takes. */
  const events = fc.array(
    fc.record({
      afterMs: fc.integer({ min: 0, max: 3_000 }),
      ackMs: fc.integer({ min: 0, max: 500 }),
      tailMs: fc.integer({ min: 0, max: 300 }),
      deliveriesMs: fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 5 }),
      repeats: fc.boolean(),
    }),
    { minLength: 1, maxLength: 25 },
  );

  type Step = { atMs: number; run: (world: World) => void };

  /** Receipts as they would come unsampled, then those between two samples are put into the second one. */
  function script(
    told: typeof events extends fc.Arbitrary<infer E> ? E : never,
    every: number,
    lost: number,
  ): {
    steps: Step[];
    deliveries: number;
    repeats: number;
  } {
    const steps: Step[] = [];
    const tails: { atMs: number; id: string; matches: number }[] = [];
    const deliveries: { atMs: number; id: string; subscription: string }[] = [];
    let atMs = 0;
    let repeats = 0;
    for (const [n, event] of told.entries()) {
      const id = `e${n}`;
      atMs += event.afterMs;
      const sentMs = atMs;
      steps.push({ atMs, run: (world) => void world.send(id) });
      steps.push({ atMs: atMs + event.ackMs, run: (world) => void world.ack(id) });
      tails.push({ atMs: atMs + event.tailMs, id, matches: event.deliveriesMs.length });
      for (const [s, ms] of event.deliveriesMs.entries()) {
        const deliveredMs = sentMs + event.tailMs + ms;
        deliveries.push({ atMs: deliveredMs, id, subscription: `s${s}` });
        if (event.repeats && s === 0 && every === 1 && lost === 0) {
          repeats += 1;
          steps.push({ atMs: deliveredMs + 1, run: (world) => void world.deliver(id, `s${s}`) });
        }
      }
    }
    tails.sort((a, b) => a.atMs - b.atMs);
    deliveries.sort((a, b) => a.atMs - b.atMs);
    for (let from = 0; from < tails.length; from += every) {
      const sample = tails.slice(from, from + every);
      const last = sample.at(-1);
      if (last === undefined) continue;
      const otherMatches = sample.slice(0, -1).reduce((total, { matches }) => total + matches, 0);
      const others = sample.length - 1;
      steps.push({ atMs: last.atMs, run: (world) => void world.tail(last.id, last.matches, { others, otherMatches }) });
    }
    const confirmed = deliveries.slice(0, deliveries.length - Math.min(lost, deliveries.length));
    for (let from = 0; from < confirmed.length; from += every) {
      const sample = confirmed.slice(from, from + every);
      const last = sample.at(-1);
      if (last === undefined) continue;
      const { id, subscription } = last;
      steps.push({ atMs: last.atMs, run: (world) => void world.deliver(id, subscription, { weight: sample.length }) });
    }
    return { steps: steps.toSorted((a, b) => a.atMs - b.atMs), deliveries: deliveries.length, repeats };
  }

  function play(world: World, { steps }: ReturnType<typeof script>): void {
    for (const { atMs, run } of steps) {
      world.pass(Math.max(0, 1_000 + atMs - world.nowMs));
      run(world);
    }
    world.pass(700_000);
  }

  it('N deliveries are N observations, each counted once, and nothing is left behind', () => {
    fc.assert(
      fc.property(events, fc.constantFrom(1, 1, 2, 3, 7), fc.nat({ max: 4 }), (any, every, wanted) => {
        // A gateway samples when receipts come thick and fast.
        const told =
          every === 1
            ? any
            : any.map((one) => ({
                ...one,
                afterMs: one.afterMs / 20,
                deliveriesMs: one.deliveriesMs.map((ms) => ms / 4),
              }));
        const lost = every === 1 ? wanted : 0;
        const world = new World();
        const played = script(told, every, lost);
        play(world, played);
        const missing = Math.min(lost, played.deliveries);
        const { records } = world;
        expect(sum(records, ({ outcome }) => outcome === 'delivered')).toBe(played.deliveries - missing);
        expect(sum(records, ({ loopMs }) => loopMs !== undefined)).toBe(played.deliveries - missing);
        expect(sum(records, ({ outcome }) => outcome === 'never_closed')).toBe(missing);
        expect(sum(records, ({ outcome }) => outcome === 'unconfirmed')).toBe(missing);
        expect(sum(records, ({ outcome }) => outcome === 'duplicate')).toBe(played.repeats);
        for (const { stages, hops, loopMs = 0, floorMs = 0 } of records) {
          expect(floorMs).toBeGreaterThanOrEqual(0);
          expect(loopMs).toBeGreaterThanOrEqual(0);
          for (const ms of [...Object.values(stages), ...hops.map((hop) => hop.ms)])
            expect(ms).toBeGreaterThanOrEqual(0);
        }
        expect(world.loops.size).toEqual({ events: 0, subscriptions: 0 });
        expect(world.loops.nextDeadline()).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  it('never more is remembered than there is room for, and every delivery is still counted', () => {
    fc.assert(
      fc.property(events, fc.constantFrom(1, 3), (told, every) => {
        const limits = { events: 3, subscriptions: 4 };
        const world = new World(limits);
        const played = script(
          told.map((one) => ({ ...one, repeats: false })),
          every,
          0,
        );
        for (const { atMs, run } of played.steps) {
          world.pass(Math.max(0, 1_000 + atMs - world.nowMs));
          run(world);
          expect(world.loops.size.events).toBeLessThanOrEqual(limits.events);
          expect(world.loops.size.subscriptions).toBeLessThanOrEqual(limits.subscriptions);
        }
        world.pass(700_000);
        expect(sum(world.records, ({ outcome }) => outcome === 'delivered')).toBe(played.deliveries);
        expect(world.loops.size).toEqual({ events: 0, subscriptions: 0 });
      }),
      { numRuns: 100 },
    );
  });
});
