import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { dashboards, filesOf, prometheusDir, promtool, readText, readYaml, rules } from './support/observability.js';

interface RuleTest {
  alert_rule_test?: { alertname: string; exp_alerts: unknown[] }[];
}

const testFiles = filesOf('observability/prometheus/tests', '.test.yml');
const alerts = rules.flatMap((rule) => (rule.alert === undefined ? [] : [{ ...rule, alert: rule.alert }]));
const names = alerts.map(({ alert }) => alert);

describe('the Prometheus configuration', () => {
  it('is one that Prometheus accepts, with its rules', () => {
    expect(promtool('check', 'config', 'prometheus.yml')).toContain('is valid prometheus config file');
  });

  it('has the same jobs on Kubernetes, whose discovery alone Debian has left out of its Prometheus', () => {
    interface Config {
      scrape_configs: { job_name: string; kubernetes_sd_configs?: { role: string }[] }[];
    }
    const config = readYaml('observability/prometheus/prometheus-kubernetes.yml') as Config;
    const local = readYaml('observability/prometheus/prometheus.yml') as Config;
    const jobs = ({ scrape_configs }: Config): string[] => scrape_configs.map(({ job_name }) => job_name);
    expect(jobs(config)).toEqual(jobs(local));

    for (const job of config.scrape_configs) {
      for (const { role } of job.kubernetes_sd_configs ?? [{ role: 'none' }]) expect(role).toBe('pod');
      delete job.kubernetes_sd_configs;
    }
    const folder = mkdtempSync(join(tmpdir(), 'ptp-rules-'));
    try {
      const path = join(folder, 'prometheus.yml');
      writeFileSync(path, stringify({ ...config, rule_files: [join(prometheusDir, 'rules/*.yml')] }));
      expect(promtool('check', 'config', path)).toContain('is valid prometheus config file');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('the rules', () => {
  it.each(testFiles)('do what %s says', (path) => {
    expect(promtool('test', 'rules', path.replace('observability/prometheus/', ''))).toContain('SUCCESS');
  });

  it('have names of their own', () => {
    const all = rules.map(({ alert, record }) => alert ?? record);
    expect(new Set(all).size).toBe(all.length);
  });
});

describe('every alert', () => {
  const tests = testFiles
    .flatMap((path) => (readYaml(path) as { tests: RuleTest[] }).tests)
    .flatMap((test) => test.alert_rule_test ?? []);
  const runbooks = readText('docs/runbooks.md');
  // As GitHub makes them of headings of one word.
  const anchors = [...runbooks.matchAll(/^### (\w+)$/gm)].map(([, heading = '']) => heading.toLowerCase());

  it.each(names)('%s is tested to fire, and to be quiet', (name) => {
    const own = tests.filter(({ alertname }) => alertname === name);
    expect(own.some(({ exp_alerts }) => exp_alerts.length > 0)).toBe(true);
    expect(own.some(({ exp_alerts }) => exp_alerts.length === 0)).toBe(true);
  });

  it.each(alerts)('$alert says how bad it is, what it is, and what to do', ({ expr, labels, annotations }) => {
    expect(['critical', 'warning']).toContain(labels?.['severity']);
    expect(annotations?.['summary']).toMatch(/\S/);
    expect(annotations?.['description']).toMatch(/\S/);
    // A rule that groups by node, or reads a series by node, has one, unless it counts them.
    const hasNode = !/^(count|sum|cluster|traffic|absent)/.test(expr) && /\bnode\b/.test(expr);
    expect(annotations?.['node']).toBe(hasNode ? '{{ $labels.node }}' : undefined);
  });

  it.each(alerts)(
    '$alert leads to its runbook and a dashboard, from bases that are external labels',
    ({ annotations }) => {
      const { runbook_url: runbook = '', dashboard_url: dashboard = '' } = annotations ?? {};
      const [, anchor = ''] =
        /^\{\{ or \$externalLabels\.ptp_runbooks "docs\/runbooks\.md" \}\}#(\w+)$/.exec(runbook) ?? [];
      expect(anchors).toContain(anchor);
      const [, uid] =
        /^\{\{ or \$externalLabels\.ptp_dashboards "http:\/\/localhost:3000" \}\}\/d\/([\w-]+)(\?var-.*)?$/.exec(
          dashboard,
        ) ?? [];
      expect(dashboards.map((one) => one.dashboard.uid)).toContain(uid);
    },
  );

  it.each(alerts.filter(({ annotations }) => annotations?.['node'] !== undefined))(
    '$alert leaves out nodes in maintenance',
    ({ expr }) => {
      expect(expr).toContain('unless on (node) ptp_node_maintenance == 1');
    },
  );

  it('has no small limit for what increase() extrapolates', () => {
    for (const { expr } of rules.filter(({ alert }) => alert !== undefined)) {
      for (const [, inside] of expr.matchAll(/(\S*)increase\(/g)) expect(inside).toMatch(/round\($/);
    }
  });

  it('has a section of the runbooks, and each section an alert', () => {
    const wanted = new Set(alerts.map(({ annotations }) => annotations?.['runbook_url']?.split('#')[1]));
    expect(new Set(anchors)).toEqual(wanted);
  });

  it('has a section that says what it means, what to look at first and what to do', () => {
    const sections = runbooks.split(/^### /m).slice(1);
    for (const section of sections) {
      for (const part of ['**Means:**', '**First:**', '**Do:**']) expect(section).toContain(part);
    }
  });
});
