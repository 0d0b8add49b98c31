import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
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

export interface Panel {
  id: number;
  type: string;
  title: string;
  datasource: { type: string; uid: string };
  gridPos: { x: number; y: number; w: number; h: number };
  fieldConfig: { defaults: { unit: string } };
  targets: { refId: string; expr: string; exemplar: boolean; format: string }[];
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
