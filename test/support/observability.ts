import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';

export const root = join(__dirname, '../..');
export const prometheusDir = join(root, 'observability/prometheus');

export interface Rule {
  record?: string;
  alert?: string;
  expr: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

/** The files of a folder of the repository with that ending, as paths from there. */
export const filesOf = (folder: string, ending: string): string[] =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(ending))
    .map((name) => `${folder}/${name}`);

export const readText = (path: string): string => readFileSync(join(root, path), 'utf8');
export const readYaml = (path: string): unknown => parse(readText(path));

export const ruleFiles = filesOf('observability/prometheus/rules', '.yml');

export const rules: Rule[] = ruleFiles.flatMap((path) =>
  (readYaml(path) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules),
);

/** What promtool says; throws with its complaint. */
export const promtool = (...args: string[]): string =>
  execFileSync('promtool', args, { cwd: prometheusDir, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/**
 * The value of each expression, as promtool computes it with our rules: by the labels of its series.
 * @param input series and their values, one every 15 s
 * @param atS seconds after the first one
 */
export function evaluate(exprs: string[], input: Record<string, string>, atS: number): Record<string, number>[] {
  const folder = mkdtempSync(join(tmpdir(), 'ptp-promtool-'));
  const file = join(folder, 'evaluate.test.yml');
  // What is expected is wrong on purpose: promtool then says what it got.
  const nothing = [{ labels: '{never="so"}', value: 0 }];
  const test = {
    interval: '15s',
    input_series: Object.entries(input).map(([series, values]) => ({ series, values })),
    promql_expr_test: exprs.map((expr) => ({ expr, eval_time: `${atS}s`, exp_samples: nothing })),
  };
  const content = { rule_files: [join(prometheusDir, 'rules/*.yml')], evaluation_interval: '15s', tests: [test] };
  try {
    // JSON is YAML.
    writeFileSync(file, JSON.stringify(content));
    promtool('test', 'rules', file);
    throw new Error('promtool was content');
  } catch (err) {
    const told = (err as { stderr?: string }).stderr ?? '';
    const got = [...told.matchAll(/^ +got: (.*)$/gm)].map(([, text = '']) => text);
    if (got.length !== exprs.length) throw err;
    return got.map((text) =>
      Object.fromEntries(
        [...text.matchAll(/(\{.*?\}) (\S+?)(?=,|$)/g)].map(([, labels = '', value]) => [
          labels,
          Number(value?.replace('+Inf', 'Infinity')),
        ]),
      ),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export interface Panel {
  id: number;
  type: string;
  title: string;
  datasource: { type: string; uid: string };
  gridPos: { x: number; y: number; w: number; h: number };
  description?: string;
  fieldConfig: { defaults: { unit: string; thresholds?: { steps: { value: number | null; color: string }[] } } };
  targets: { refId: string; expr: string; exemplar: boolean; format: string; instant: boolean }[];
}

export interface Dashboard {
  uid: string;
  title: string;
  schemaVersion: number;
  panels: Panel[];
  templating: { list: { name: string; type: string; query: string | { query: string } }[] };
}

export const dashboards: { path: string; dashboard: Dashboard }[] = filesOf(
  'observability/grafana/dashboards',
  '.json',
).map((path) => ({ path, dashboard: JSON.parse(readText(path)) as Dashboard }));
