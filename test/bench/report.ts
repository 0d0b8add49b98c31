import type { Figure } from './scenario.js';
import { median } from './statistics.js';

/** A figure over all rounds. */
export interface Row {
  scenario: string;
  name: string;
  unit: string;
  rounds: number;
  /** Medians. */
  value: number;
  floor?: number;
  /** Median of the rounds' ratios to the floor, the least and the largest of them. */
  ratio?: { median: number; min: number; max: number };
  /** Least and largest value. */
  spread: [number, number];
  cpuUs?: Record<string, number>;
  floorCpuUs?: Record<string, number>;
}

/** @param rounds the figures of each round, in the same order */
export function rowsOf(scenario: string, rounds: readonly (readonly Figure[])[]): Row[] {
  return (rounds[0] ?? []).map(({ name, unit }, at) => {
    const all = rounds.flatMap((figures) => figures[at] ?? []);
    const values = all.map(({ value }) => value);
    const floors = all.flatMap(({ floor }) => floor ?? []);
    const ratios = all.flatMap(({ value, floor }) => (floor === undefined ? [] : value / floor));
    return {
      scenario,
      name,
      unit,
      rounds: all.length,
      value: median(values),
      ...(floors.length > 0 && { floor: median(floors) }),
      ...(ratios.length > 0 && {
        ratio: { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) },
      }),
      spread: [Math.min(...values), Math.max(...values)],
      ...medians('cpuUs', all),
      ...medians('floorCpuUs', all),
    };
  });
}

function medians(key: 'cpuUs' | 'floorCpuUs', all: readonly Figure[]): Partial<Row> {
  const names = Object.keys(all[0]?.[key] ?? {});
  if (names.length === 0) return {};
  const ofName = (name: string): number => median(all.map((figure) => figure[key]?.[name] ?? NaN));
  return { [key]: Object.fromEntries(names.map((name) => [name, ofName(name)])) };
}

const digits = (value: number): string =>
  Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2);

/** The rows as a table, one line each; processor time on a line of its own. */
export function tableOf(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    `${row.scenario}: ${row.name}`,
    `${digits(row.value)} ${row.unit}`,
    row.floor === undefined ? '' : `${digits(row.floor)} ${row.unit}`,
    row.ratio === undefined ? '' : digits(row.ratio.median),
    row.ratio === undefined
      ? `${digits(row.spread[0])} - ${digits(row.spread[1])}`
      : `${digits(row.ratio.min)} - ${digits(row.ratio.max)}`,
    row.cpuUs === undefined ? '' : cpuOf(row),
  ]);
  const head = ['figure', 'value', 'floor', 'ratio', 'spread', 'processor time per event, us (floor)'];
  const widths = head.map((title, i) => Math.max(title.length, ...cells.map((row) => row[i]?.length ?? 0)));
  return [head, ...cells]
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function cpuOf({ cpuUs = {}, floorCpuUs = {} }: Row): string {
  return Object.entries(cpuUs)
    .map(([name, us]) => {
      const floor = floorCpuUs[name];
      return `${name} ${digits(us)}${floor === undefined ? '' : ` (${digits(floor)})`}`;
    })
    .join(', ');
}
