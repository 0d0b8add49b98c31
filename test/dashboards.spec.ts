import { execFileSync } from 'node:child_process';
import { basename } from 'node:path';
import { dashboards, evaluate, readText, readYaml, root, type Panel } from './support/observability.js';

/** Units of Grafana that are used. */
const UNITS = ['none', 'ns', 's', 'bytes', 'ops', 'percentunit', 'conppb'];

const overlap = (a: Panel['gridPos'], b: Panel['gridPos']): boolean =>
  a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

describe('the dashboards', () => {
  it('are what their sources say: node observability/grafana/generate.mjs', () => {
    const print =
      "import('./observability/grafana/generate.mjs').then(({ dashboards, toJson }) => process.stdout.write(JSON." +
      'stringify(Object.entries(dashboards).map(([name, one]) => [name, toJson(one)]))))';
    const made = JSON.parse(execFileSync(process.execPath, ['-e', print], { cwd: root, encoding: 'utf8' })) as [
      string,
      string,
    ][];
    const committed = dashboards.map(({ path }) => [basename(path, '.json'), readText(path)] as [string, string]);
    expect(new Map(made)).toEqual(new Map(committed));
  });

  it('are four, with names and ids of their own', () => {
    expect(dashboards.map(({ dashboard }) => dashboard.uid)).toEqual([
      'ptp-bus',
      'ptp-delivery',
      'ptp-fleet',
      'ptp-trust',
    ]);
    expect(new Set(dashboards.map(({ dashboard }) => dashboard.title)).size).toBe(4);
  });
});

describe.each(dashboards)('$path', ({ dashboard }) => {
  const variables = dashboard.templating.list.map(({ name }) => name);

  it('is one that Grafana 10.4 and newer read', () => {
    expect(dashboard.schemaVersion).toBe(39);
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('is about what one may choose: the data source, and nodes, resources, scopes or streams', () => {
    expect(variables[0]).toBe('datasource');
    expect(variables.length).toBeGreaterThan(1);
    const text = JSON.stringify(dashboard.panels);
    for (const name of variables) expect(text).toMatch(new RegExp(`\\$\\{?${name}\\b`));
    for (const [, used] of text.matchAll(/\$\{?([a-z]\w*)/g)) expect(variables).toContain(used);
  });

  it('has panels beside and below each other', () => {
    for (const [i, { gridPos }] of dashboard.panels.entries()) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      expect(dashboard.panels.slice(i + 1).filter((other) => overlap(gridPos, other.gridPos))).toEqual([]);
    }
  });

  it.each(dashboard.panels)('panel "$title" says what it shows', (panel) => {
    expect(panel.title).toMatch(/\S/);
    expect(panel.datasource).toEqual({ type: 'prometheus', uid: '${datasource}' });
    expect(UNITS).toContain(panel.fieldConfig.defaults.unit);
    expect(panel.targets.length).toBeGreaterThan(0);
    for (const { expr } of panel.targets) expect(expr).toMatch(/\S/);
    expect(new Set(panel.targets.map(({ refId }) => refId)).size).toBe(panel.targets.length);
  });
});

const filled = (expr: string): string =>
  expr
    .replaceAll('$__rate_interval', '1m')
    .replaceAll('$__range', '5m')
    .replaceAll(/\$(\w+)/g, '.+');
const color = ({ fieldConfig }: Panel, value: number): string =>
  fieldConfig.defaults.thresholds?.steps.findLast((step) => step.value === null || value >= step.value)?.color ?? '';

describe('what is not known', () => {
  const allPanels = dashboards.flatMap(({ dashboard }) => dashboard.panels);
  const figures = allPanels.filter(({ type }) => type === 'stat');
  const LOCK = '/sync/ptp-status/lock-state';
  const panelOf = (title: string): string => {
    const found = allPanels.find((panel) => panel.title === title);
    return filled(found?.targets[0]?.expr ?? 'missing');
  };

  it('is asked for as of now, and said to be unknown: the last value of an hour would stay green', () => {
    expect(figures.length).toBeGreaterThan(15);
    for (const { targets, fieldConfig } of figures) {
      for (const { instant } of targets) expect(instant).toBe(true);
      expect(fieldConfig.defaults).toMatchObject({ noValue: 'unknown' });
    }
  });

  it('is nowhere green: no figure answers a question that nobody can answer', () => {
    const answers = evaluate(
      figures.flatMap(({ targets }) => targets.map(({ expr }) => filled(expr))),
      { 'other{job="x"}': '1x40' },
      300,
    );
    expect(answers.map((answer) => Object.keys(answer).length)).toEqual(answers.map(() => 0));
  });

  it('of a dead node makes no figure about nodes green', () => {
    const titles = [
      'Not LOCKED',
      'Collectors gone',
      'Clocks not vouched for',
      'Processes down',
      'Worst offset, of its threshold',
    ];
    const answers = evaluate(
      titles.map(panelOf),
      {
        'ptp_collector_up{node="live"}': '1x40',
        'ptp_collector_up{node="dead"}': '1x10 0x30',
        [`ptp_state{node="live",resource="${LOCK}",state="LOCKED"}`]: '1x40',
        [`ptp_state{node="dead",resource="${LOCK}",state="LOCKED"}`]: '1x10 stale',
        'ptp_collector_clock_vouched_for{node="live",config="c",process="ptp4l",clock="m"}': '1x40',
        'ptp_collector_clock_vouched_for{node="dead",config="c",process="ptp4l",clock="m"}': '1x10 stale',
        'openshift_ptp_process_status{node="live",process="ptp4l",config="c"}': '1x40',
        'openshift_ptp_process_status{node="dead",process="ptp4l",config="c"}': '1x10 stale',
        'openshift_ptp_threshold{threshold="MaxOffsetThreshold",node="live",profile="p"}': '100x40',
        'openshift_ptp_max_offset_ns{from="m",process="ptp4l",node="live",iface="i"}': '5x40',
      },
      300,
    );
    for (const [i, title] of titles.entries()) {
      const panel = figures.find((one) => one.title === title) as Panel;
      const [value = NaN] = Object.values(answers[i] ?? {});
      expect([title, value, color(panel, value)]).not.toEqual([title, value, 'green']);
      expect(value).toBeGreaterThanOrEqual(1);
    }
  });

  it('of a dead node is gray in the timelines, not a gap that looks like the rest', () => {
    const [state, vouched] = evaluate(
      [panelOf('State'), panelOf('Vouched for')],
      {
        'ptp_collector_up{node="dead"}': '1x10 0x30',
        [`ptp_state{node="dead",resource="${LOCK}",state="LOCKED"}`]: '1x10 stale',
        [`ptp_state_transitions_total{node="dead",resource="${LOCK}",state="LOCKED"}`]: '3x40',
      },
      300,
    );
    expect(state).toEqual({ [`{node="dead", resource="${LOCK}"}`]: 0 });
    expect(Object.values(vouched ?? {})).toEqual([-1]);
  });

  it('to samples is known to counters: an outage between two scrapes is in the timeline', () => {
    const transitions = (state: string): string =>
      `ptp_state_transitions_total{node="n1",resource="${LOCK}",state="${state}"}`;
    const series = {
      'ptp_collector_up{node="n1"}': '1x40',
      [`ptp_state{node="n1",resource="${LOCK}",state="LOCKED"}`]: '1x40',
      [`ptp_state{node="n1",resource="${LOCK}",state="FREERUN"}`]: '0x40',
      [transitions('FREERUN')]: '4x18 5x20',
      [transitions('HOLDOVER')]: '4x18 5x20',
      [transitions('LOCKED')]: '4x18 5x20',
    };
    const stateAt = (atS: number): unknown => Object.values(evaluate([panelOf('State')], series, atS)[0] ?? {});
    expect([stateAt(240), stateAt(300), stateAt(420)]).toEqual([[3], [1], [3]]);
  });

  it('of a timeline that only samples is said in its description', () => {
    for (const { type, description = '', targets } of allPanels) {
      if (type !== 'state-timeline') continue;
      const overlaid = /increase\(|changes\(/.test(targets.map(({ expr }) => expr).join());
      expect(description).toMatch(overlaid ? /counted|however short/ : /Sampled/);
    }
  });
});

describe('the provisioning', () => {
  it('leads from an exemplar to its trace', () => {
    interface DataSources {
      datasources: {
        uid: string;
        type: string;
        url: string;
        jsonData?: { exemplarTraceIdDestinations: { name: string; datasourceUid: string }[] };
      }[];
    }
    const { datasources } = readYaml(
      'observability/grafana/provisioning/datasources/ptp-event-bus.yaml',
    ) as DataSources;
    const [prometheus, jaeger] = datasources;
    expect(prometheus).toMatchObject({ uid: 'prometheus', type: 'prometheus' });
    expect(jaeger).toMatchObject({ uid: 'jaeger', type: 'jaeger', url: 'http://localhost:16686' });
    expect(prometheus?.jsonData?.exemplarTraceIdDestinations).toEqual([{ name: 'trace_id', datasourceUid: 'jaeger' }]);
  });

  it('finds the dashboards in a folder', () => {
    expect(readYaml('observability/grafana/provisioning/dashboards/ptp-event-bus.yaml')).toMatchObject({
      apiVersion: 1,
      providers: [{ type: 'file', options: { path: expect.stringMatching(/^\//) as string } }],
    });
  });
});
