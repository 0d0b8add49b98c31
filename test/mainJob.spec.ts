import { bus } from '../services/shared/contract/bus.js';
import { startBroker, type Broker } from './support/broker.js';
import { NODE, NodeFiles, play, readRecording, startTestCollector, type TestCollector } from './support/collector.js';
import type { Thresholds } from './support/collector.js';
import { startConsumer, type Consumer } from './support/consumer.js';
import { loadContract, type Contract } from './support/contract.js';
import { eventually } from './support/eventually.js';
import { startTestGateway, subscribe, type Gateway } from './support/services.js';

const LOCK_STATE = bus.resources.lockState.path;
const OS_CLOCK = bus.resources.osClockSyncState.path;
const SYNC_STATE = bus.resources.syncState.path;

const SLAVE = 'ptp4l[1.0]: [ptp4l.0.config] port 1: UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED';
const offset = (ns: number, state = 's2'): string =>
  `ptp4l[2.0]: [ptp4l.0.config] master offset ${ns} ${state} freq -5120 path delay 312`;

describe('from a log line to a subscribed consumer', () => {
  let broker: Broker;
  let gateway: Gateway;
  let consumer: Consumer;
  let contract: Contract;
  let files: NodeFiles;
  let collector: TestCollector;

  beforeEach(async () => {
    broker = await startBroker();
    gateway = await startTestGateway(broker.url);
    consumer = await startConsumer();
    contract = await loadContract();
  });
  afterEach(async () => {
    await collector.stop();
    await gateway.stop();
    await consumer.close();
    await broker.close();
    files.remove();
  });

  async function startNode(thresholds: Thresholds = {}): Promise<void> {
    files = new NodeFiles(thresholds);
    collector = await startTestCollector(broker.url, files);
  }
  const subscribeTo = async (path: string): Promise<void> => {
    const answer = await subscribe(gateway.api, `/cluster/node/${NODE}${path}`, consumer.url);
    expect(answer.status).toBe(201);
  };
  const currentState = (path: string): Promise<Response> =>
    contract.fetch(`${gateway.api}/cluster/node/${NODE}${path}/CurrentState`);
  /** Waits until everything the collector has published was delivered: shown by one more event that comes last. */
  const lastComes = (path: string, state: string): Promise<true> =>
    eventually(() => consumer.states(path).at(-1) === state || undefined);

  it('brings the whole cycle of a lost master, in order, once', async () => {
    await startNode({ maxOffsetThreshold: 2_000, minOffsetThreshold: -2_000, holdOverTimeout: 5 });
    await subscribeTo('/sync');
    await play(collector, readRecording('default-profile-takeover.log'));
    await lastComes(LOCK_STATE, 'LOCKED(-446)');
    await eventually(() => consumer.states(SYNC_STATE).length === 5);

    expect(consumer.states(LOCK_STATE)).toEqual([
      'FREERUN(-575)',
      'LOCKED(-514)',
      'HOLDOVER(-250)',
      'FREERUN(-250)',
      'LOCKED(-446)',
    ]);
    expect(consumer.states(SYNC_STATE)).toEqual(['FREERUN', 'LOCKED', 'HOLDOVER', 'FREERUN', 'LOCKED']);
    expect(consumer.received).toHaveLength(10);
    const sequences = consumer.accepted
      .filter(({ event }) => event.source.endsWith(LOCK_STATE))
      .map(({ headers }) => Number(headers['ptp-sequence']));
    expect(sequences).toEqual(sequences.map((_, i) => (sequences[0] ?? 0) + i));
  });

  it('brings the steps of the OS clock, in order, once', async () => {
    await startNode();
    await subscribeTo(OS_CLOCK);
    await play(collector, readRecording('phc2sys-simulated-clocks.log'));
    await lastComes(OS_CLOCK, 'LOCKED(-33)');

    expect(consumer.states(OS_CLOCK)).toEqual([
      'FREERUN(240736)',
      'LOCKED(9)',
      'FREERUN(50002)',
      'LOCKED(13)',
      'FREERUN(-306)',
      'LOCKED(-34)',
      'FREERUN(49986)',
      'LOCKED(17)',
      'FREERUN(-305)',
      'LOCKED(-33)',
    ]);
    expect(consumer.received).toHaveLength(10);
  });

  it('brings no lock state from summaries: the first that comes is one that follows them', async () => {
    await startNode();
    await subscribeTo('/sync/ptp-status');
    await play(collector, readRecording('link-fault-recovery.log'));
    const daemon = await collector.connect();
    await collector.feed(daemon, SLAVE, offset(17));
    await eventually(() => consumer.received[0]);
    daemon.end();

    expect(consumer.states(LOCK_STATE)).toEqual(['LOCKED(17)']);
  });

  it('changes nothing for garbage on the socket, and counts it', async () => {
    await startNode();
    await subscribeTo(LOCK_STATE);
    const daemon = await collector.connect();
    const noisy = await collector.connect();
    await collector.feed(daemon, SLAVE, offset(17));
    await noisy.writeRaw(Buffer.from([0, 255, 10, 254, 10, 10, 13, 10]));
    await noisy.writeRaw('x'.repeat(3_000_000));
    await noisy.writeRaw('\nptp4l[3.0]: [ptp4l.0.config] master offset abc s2 freq 1 path delay 1\n');
    await eventually(async () => (await collector.linesRead('malformed')) > 0);
    await noisy.writeRaw('ptp4l[3.0]: [ptp4l.0.config] master off');
    noisy.end();
    await noisy.closed;
    await collector.feed(daemon, offset(250_000));
    await lastComes(LOCK_STATE, 'FREERUN(250000)');
    daemon.end();

    expect(consumer.states(LOCK_STATE)).toEqual(['LOCKED(17)', 'FREERUN(250000)']);
    expect(await collector.linesRead('too_long')).toBe(1);
  });

  it('answers CurrentState as of now, and does not pass off an old state for it', async () => {
    await startNode();
    expect((await currentState(LOCK_STATE)).status).toBe(404);

    const daemon = await collector.connect();
    await collector.feed(daemon, SLAVE, offset(17), offset(-3));
    const known = await currentState(LOCK_STATE);
    expect(known.status).toBe(200);
    expect(await known.json()).toMatchObject({
      specversion: '0.3',
      source: LOCK_STATE,
      subject: `/cluster/node/${NODE}${LOCK_STATE}`,
      type: bus.resources.lockState.type,
      data: { values: [{ value: 'LOCKED' }, { value: '-3' }] },
    });
    expect((await currentState(OS_CLOCK)).status).toBe(404);

    // LOCKED, but nobody has heard of the clock for longer than STALE_AFTER.
    collector.clock.advance({ seconds: 31 });
    const stale = await currentState(LOCK_STATE);
    expect(stale.status).toBe(503);
    expect(await stale.json()).toMatchObject({
      lastKnown: { data: { values: [{ value: 'LOCKED' }, { value: '-3' }] } },
    });

    await collector.feed(daemon, offset(5));
    expect((await currentState(LOCK_STATE)).status).toBe(200);
    daemon.end();
    await collector.stop();
    const gone = await currentState(LOCK_STATE);
    expect(gone.status).toBe(503);
    expect(gone.headers.get('retry-after')).toBe('2');
    expect(await gone.json()).toMatchObject({
      error: expect.stringMatching(/does not answer/),
      lastKnown: { data: { values: [{ value: 'LOCKED' }, { value: expect.any(String) }] } },
    });
    expect((await currentState(OS_CLOCK)).status).toBe(404);
  });

  it('begins with the state as of now, and goes on with the event after it', async () => {
    await startNode();
    const daemon = await collector.connect();
    await collector.feed(daemon, SLAVE, offset(17), offset(23));
    await eventually(async () => (await currentState(LOCK_STATE)).status === 200);
    await subscribeTo(LOCK_STATE);
    const initial = await eventually(() => consumer.accepted[0]);
    await collector.feed(daemon, offset(250_000));
    const next = await eventually(() => consumer.accepted[1]);
    daemon.end();

    expect(consumer.states(LOCK_STATE)).toEqual(['LOCKED(23)', 'FREERUN(250000)']);
    expect(initial.headers['ptp-initial']).toBe('true');
    expect(next.headers['ptp-initial']).toBeUndefined();
    expect(Number(next.headers['ptp-sequence'])).toBe(Number(initial.headers['ptp-sequence']) + 1);
  });
});
