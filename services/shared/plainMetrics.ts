import type { MetricValue, MetricValueWithName, Registry } from 'prom-client';

/**
 * Metrics for paths where every microsecond counts: an observation is an addition, and prom-client sees the numbers when
 * somebody scrapes. Its own look a series up by its labels each time.
 */
abstract class PlainMetric {
  readonly name: string;
  readonly help: string;
  /** A registry asks it of its metrics. */
  readonly aggregator = 'sum';

  constructor(registry: Registry, name: string, help: string) {
    this.name = name;
    this.help = help;
    registry.registerMetric(this as unknown as Parameters<Registry['registerMetric']>[0]);
  }

  reset(): void {}

  protected described<T>(type: 'counter' | 'histogram', values: T[]) {
    return {
      name: this.name,
      help: this.help,
      type: type as never,
      aggregator: 'sum' as const,
      collect: () => {},
      values,
    };
  }
}

/** A counter with one label, whose values are a small closed set. */
export class PlainCounter<Label extends string> extends PlainMetric {
  readonly type = 'counter';
  readonly labelNames: [Label];
  readonly #counts = new Map<string, number>();

  /** @param values shown at 0 from the beginning: the first time something happens is an increase, which a new series is not */
  constructor(registry: Registry, name: string, help: string, label: Label, values: readonly string[]) {
    super(registry, name, help);
    this.labelNames = [label];
    for (const value of values) this.#counts.set(value, 0);
  }

  inc(value: string, by = 1): void {
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + by);
  }

  async get() {
    const [label] = this.labelNames;
    const values: MetricValue<Label>[] = Array.from(this.#counts, ([text, value]) => ({
      labels: { [label]: text } as Record<Label, string>,
      value,
    }));
    return this.described('counter', values);
  }
}

interface Row {
  /** One more than there are bounds: the last one is past all of them. */
  counts: number[];
  sum: number;
}

/** A histogram with one label, or none (''). */
export class PlainHistogram extends PlainMetric {
  readonly type = 'histogram';
  readonly #label: string;
  readonly #bounds: readonly number[];
  readonly #rows = new Map<string, Row>();

  /** @param bounds upper bounds of the buckets, seconds, rising */
  constructor(registry: Registry, name: string, help: string, bounds: readonly number[], label = '') {
    super(registry, name, help);
    this.#label = label;
    this.#bounds = bounds;
  }

  observe(seconds: number, value = ''): void {
    let row = this.#rows.get(value);
    if (row === undefined) {
      row = { counts: Array<number>(this.#bounds.length + 1).fill(0), sum: 0 };
      this.#rows.set(value, row);
    }
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && seconds > (bounds[bucket] ?? 0)) bucket += 1;
    row.counts[bucket] = (row.counts[bucket] ?? 0) + 1;
    row.sum += seconds;
  }

  async get() {
    const values = Array.from(this.#rows, ([text, row]) => this.#valuesOf(text, row)).flat();
    return this.described('histogram', values);
  }

  #valuesOf(text: string, { counts, sum }: Row): MetricValueWithName<string>[] {
    const labels: Record<string, string> = this.#label === '' ? {} : { [this.#label]: text };
    let total = 0;
    const buckets = counts.map((count, i) => {
      total += count;
      const le = this.#bounds[i] ?? '+Inf';
      return { labels: { le, ...labels }, value: total, metricName: `${this.name}_bucket` };
    });
    return [
      ...buckets,
      { labels, value: sum, metricName: `${this.name}_sum` },
      { labels, value: total, metricName: `${this.name}_count` },
    ];
  }
}
