import { execFileSync } from 'node:child_process';
import { basename } from 'node:path';
import { dashboards, readText, readYaml, root, type Panel } from './support/observability.js';

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
