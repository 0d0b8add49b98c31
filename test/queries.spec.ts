import { NODE, NodeFiles } from './support/collector.js';
import { startConsumer, type Consumer } from './support/consumer.js';
import { connectDaemon, type Daemon } from './support/daemon.js';
import { eventually } from './support/eventually.js';
import { dashboards, rules } from './support/observability.js';
import {
  exemplars,
  query,
  queryRange,
  startOurPrometheus,
  type Prometheus,
  type Series,
} from './support/prometheus.js';
import { subscribe } from './support/services.js';
import { startSystem, type System } from './support/system.js';

interface Query {
  /** Where it comes from. */
  of: string;
  expr: string;
  instant: boolean;
}

/** What the variables of a dashboard stand for: everything, over the time of this test. */
const VARIABLES: Record<string, string> = { __rate_interval: '20s', __range: '1m' };
const filled = (expr: string): string => expr.replaceAll(/\$(\w+)/g, (_, name: string) => VARIABLES[name] ?? '.+');

/** Recordings that are there only while something is wrong; each is shown to be by promtool (edges.test.yml). */
const CONDITIONS =
  /^(traffic:ptp_event_late:burn|cluster:ptp_(grandmaster_lost|nodes_lost_lock|nodes_not_stored|delivery_cause):|node_reason:)/;
/** Set by hand. */
const BY_HAND = 'ptp_node_maintenance';

/**
 * An alert is empty while all is well, and that it fires is shown by promtool (rules.spec.ts). Here the series that it is made
 * of must be there: a name that nobody serves makes an alert that is quiet for ever.
 */
const seriesOf = (expr: string): string[] =>
  [...expr.matchAll(/(?<![\w:"])((?:ptp|openshift_ptp|process|up|[a-z_]+:[a-z_]*ptp)(?:[\w:]*))(\{[^}]*\})?/g)]
    .filter(([, name = '']) => (name === 'up' || /[_:]/.test(name)) && name !== BY_HAND && !CONDITIONS.test(name))
    .map(([selector]) => selector);

const queries: Query[] = [
  ...dashboards.flatMap(({ dashboard }) =>
    dashboard.panels.flatMap(({ title, targets }) =>
      targets.map(({ expr, instant }) => ({
        of: `${dashboard.title}, ${title}`,
        expr: filled(expr),
        instant,
      })),
    ),
  ),
  ...rules.flatMap(({ alert, record, expr }) =>
    alert === undefined && !CONDITIONS.test(record ?? '')
      ? [{ of: record ?? '', expr, instant: true }]
      : seriesOf(expr).map((selector) => ({ of: alert ?? record ?? '', expr: selector, instant: true })),
  ),
];

/** May be empty here, and why. Each is shown non-empty by a promtool test of observability/prometheus/tests. */
const EMPTY: Record<string, string> = {
  PtpJetStreamStoreFull: 'the account of this broker has no limit',
  'cluster:ptp_jetstream_store_bytes:ratio': 'as above',
  'PTP bus, Store of JetStream': 'as above',
};

/** 0 divided by 0 shows nothing. */
const hasNumber = ({ value, values = [] }: Series): boolean =>
  [...(value ? [value] : []), ...values].some(([, text]) => text !== 'NaN');

const locked = (ns: number): string => `ptp4l[1.1]: [ptp4l.0.config] master offset ${ns} s2 freq -5 path delay 3`;
const system = (ns: number): string =>
  `phc2sys[1.1]: [ptp4l.0.config] CLOCK_REALTIME phc offset ${ns} s2 freq -20010 delay 515`;
const LOST = 'ptp4l[1.2]: [ptp4l.0.config] port 1: SLAVE to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)';
const FOUND = 'ptp4l[1.3]: [ptp4l.0.config] port 1: UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED';

describe('every query of the dashboards and rules, asked of a Prometheus that scrapes the running system', () => {
  const files = new NodeFiles({ holdOverTimeout: 1, maxOffsetThreshold: 100, minOffsetThreshold: -100 });
  let consumer: Consumer;
  let services: System;
  let prometheus: Prometheus;
  let daemon: Daemon;

  const states = (): string[] => consumer.states('/sync/ptp-status/lock-state').map((one) => one.split('(')[0] ?? '');
  const told = (...words: string[]): Promise<unknown> =>
    eventually(() => states().slice(-words.length).join() === words.join());

  beforeAll(async () => {
    consumer = await startConsumer();
    services = await startSystem(files);
    const { address } = services;
    prometheus = await startOurPrometheus({
      'ptp-collector': { address: address.collector, labels: { node: NODE } },
      'ptp-gateway': { address: address.gateway },
      'ptp-metrics': { address: address.metrics },
      'ptp-tracing': { address: address.tracing },
    });
    expect((await subscribe(services.api, '/cluster/node/*/sync', consumer.url)).status).toBe(201);
    daemon = await connectDaemon(files.socket);
    await daemon.write(
      'ptp4l[1724000000]:[ptp4l.0.config] PTP_PROCESS_STATUS:1',
      'phc2sys[1724000001]:[ptp4l.0.config] PTP_PROCESS_STATUS:1',
      'chronyd[1724000002]:[chronyd.0.config] PTP_PROCESS_STATUS:1',
      'ptp4l[1724000010]:[ptp4l.0.config] CLOCK_CLASS_CHANGE 6.000000',
      'gnss[1724000011]:[ts2phc.0.config] ens1f0 gnss_status 3 offset 5 s2',
      FOUND,
      system(12),
      locked(7),
    );
    await told('LOCKED');
  }, 30_000);

  afterAll(async () => {
    daemon.end();
    await prometheus.close();
    await services.close();
    await consumer.close();
    files.remove();
  });

  /** From now on every target was scraped: what happens next is an increase of series that are there. */
  const scraped = (): Promise<unknown> => {
    const before = Date.now() / 1_000;
    return eventually(async () => {
      const times = await query(prometheus, 'timestamp(up == 1)');
      return times.length === 4 && times.every(({ value }) => Number(value?.[1]) > before);
    }, 20_000);
  };

  /** The lock is lost and comes back; one event is refused once, one takes long. */
  const trouble = async (): Promise<void> => {
    consumer.answer(503);
    await daemon.write(LOST);
    await eventually(() => consumer.received.length > consumer.accepted.length);
    consumer.answer(204);
    await told('HOLDOVER', 'FREERUN');
    await scraped();
    await daemon.write(FOUND, locked(7), system(12));
    await told('LOCKED');
  };

  it('gives an answer that is not empty', async () => {
    await scraped();
    await services.restart('gateway');
    for (let round = 0; round < 3; round += 1) {
      await trouble();
      await scraped();
    }

    let empty: string[] = [];
    let left = queries;
    await eventually(async () => {
      const answers = await Promise.all(
        left.map(async (one) => {
          const series = await (one.instant ? query : queryRange)(prometheus, one.expr);
          return { one, isEmpty: !series.some(hasNumber) };
        }),
      );
      // What was once not empty is done: Prometheus has other things to do.
      left = answers.filter(({ isEmpty }) => isEmpty).map(({ one }) => one);
      empty = left.filter(({ of }) => EMPTY[of] === undefined).map(({ of, expr }) => `${of}: ${expr}`);
      return empty.length === 0;
    }, 40_000).catch(() => undefined);
    expect(empty).toEqual([]);
  }, 60_000);

  it('may be empty in one of ten cases at most', () => {
    const all = queries.map(({ of }) => of);
    for (const of of Object.keys(EMPTY)) expect(all).toContain(of);
    expect(queries.filter(({ of }) => EMPTY[of] !== undefined).length).toBeLessThanOrEqual(queries.length / 10);
  });

  it('leads from the heatmap to the trace of a delivery', async () => {
    const traceId = await eventually(async () => (await exemplars(prometheus, 'ptp_event_delivery_seconds_bucket'))[0]);
    await eventually(async () => (await fetch(`http://${services.address.tracing}/api/traces/${traceId}`)).ok);
  });
});
